"""What is installed is what lies in the folders."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("realtime", "kernels", "engines", "bridge", "bench")


def project() -> dict[str, dict[str, dict[str, object]]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_folder_with_an_init_is_a_package_and_the_other_way_round() -> None:
    settings = project()["tool"]["setuptools"]
    found = {
        path.parent.relative_to(ROOT): f"legando.{'.'.join(path.parent.relative_to(ROOT).parts)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("__init__.py")
    }
    assert sorted(found.values()) == sorted(settings["packages"])  # type: ignore[call-overload]
    assert settings["package-dir"] == {name: folder.as_posix() for folder, name in found.items()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_each_package_is_typed_and_linked_for_type_checkers(folder: str) -> None:
    assert (ROOT / folder / "py.typed").is_file()
    assert (ROOT / ".path" / "legando" / folder).resolve() == (ROOT / folder).resolve()


def test_no_large_or_generated_file_is_where_it_would_be_shipped() -> None:
    bundle = sum(path.stat().st_size for path in (ROOT / "engines" / "bundles").rglob("*") if path.is_file())
    assert bundle <= 40_000_000, "a bundle is at most 40 MB"
    assert not [path for path in ROOT.glob("*.wav") if not path.name.startswith("take")]
