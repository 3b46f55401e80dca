"""The pages that explain a folder name every file in it, and none that is not there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LIVE = ("commands", "midi", "osc", "performing", "playing", "recording", "rigs", "screen", "trials", "watching")
TRAINING = tuple(f"engines/training/{name}" for name in ("music", "networks", "measures", "figures"))


@pytest.mark.parametrize(
    "folder",
    [
        "realtime",
        *(f"realtime/{name}" for name in LIVE),
        "bench",
        "bridge",
        "engines",
        "engines/card",
        "engines/compiled",
        "engines/training",
        *TRAINING,
    ],
)
def test_a_folders_page_names_its_files(folder: str) -> None:
    globs = re.findall(r"`([\w*]+\.(?:py|toml))`", (ROOT / folder / "README.md").read_text())
    named = {path.name for glob in globs for path in (ROOT / folder).glob(glob)} | {g for g in globs if "*" not in g}
    there = {path.name for path in (ROOT / folder).glob("*.py")} - {"__init__.py"}
    assert there <= named, f"{folder}/README.md does not explain {', '.join(sorted(there - named))}"
    gone = {name for name in named if not (ROOT / folder / name).exists() and not name.startswith("test_")}
    assert not gone, f"{folder}/README.md explains {', '.join(sorted(gone))}, which is not there"
