"""The commands in the README are ones that exist, and the two that a newcomer types do what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from legando.bench.figures import check, read_map
from legando.engines.training.cli import FORWARDED
from legando.engines.training.cli import build_parser as train_parser
from legando.realtime.cli import build_parser

ROOT = Path(__file__).parents[1]


def commands() -> list[str]:
    """Return every `legando ...` line of the README's code blocks, without comments."""
    text = (ROOT / "README.md").read_text()
    lines = [line.strip().split("  #")[0] for line in text.splitlines() if line.startswith("    legando ")]
    return [part.strip() for line in lines for part in re.split(r"&&", line)]


@pytest.mark.parametrize("command", commands())
def test_each_command_is_understood(command: str) -> None:
    argv = shlex.split(command)[1:]
    if argv[0] != "train":
        build_parser().parse_args(argv)
    elif argv[1] not in FORWARDED:
        train_parser().parse_args(argv[1:])


def test_every_figure_that_is_quoted_is_that_of_a_committed_report() -> None:
    told = check(read_map())
    assert not told, "\n".join(told)


def test_there_are_commands_to_check() -> None:
    assert len(commands()) >= 10


@pytest.mark.parametrize("target", ["play", "test", "hosts", "soak", "bench"])
def test_each_make_target_that_is_named_exists(target: str) -> None:
    assert f"make {target}" in (ROOT / "README.md").read_text()
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_every_folder_of_the_table_exists_and_the_other_way_round() -> None:
    named = set(re.findall(r"^\| `([a-z/]+)/` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert named == {"realtime", "engines", "engines/training", "kernels", "bridge", "tests", "bench"}
    assert all((ROOT / name).is_dir() for name in named)
