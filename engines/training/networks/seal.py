"""A finished file with its SHA-256 beside it: one that was damaged since is named and not used. [any]

Trainings that end in a file of their own (prompt head, language model) seal it; a bundle is made of sound ones only.
"""

from __future__ import annotations

from pathlib import Path

from legando.engines.bundle import file_hash
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

SUFFIX = ".sha256"


def seal(path: Path) -> None:
    """Write the SHA-256 of a file beside it; a kill in between leaves a file that counts as damaged. [any]"""
    with whole_file(_beside(path)) as part:
        part.write_text(file_hash(path) + "\n", encoding="ascii")


def unsound(path: Path) -> str:
    """Return why a file must not be used, "" when it is sound; a file without a seal is of an earlier version. [any]"""
    if not path.is_file():
        return "is missing"
    try:
        wanted = _beside(path).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        return f"has a seal that cannot be read ({error})"
    return "" if file_hash(path) == wanted else "is damaged (its digest does not match)"


def need(path: Path, step: str) -> Path:
    """Return the path of a sound file; raise LegandoError, naming the step that makes it, for another. [any]"""
    if why := unsound(path):
        raise LegandoError(f"{path} {why}; run `legando train {step}` {'first' if 'missing' in why else 'again'}")
    return path


def _beside(path: Path) -> Path:
    return path.with_name(path.name + SUFFIX)
