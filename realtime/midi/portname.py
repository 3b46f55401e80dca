"""Port names as a rig writes them: part of a name, a pattern, or every port. [any]

| written | matches |
|---|---|
| `"keystep"` | every port with these letters in its name, large or small |
| `"/launch(pad\\|control)/"` | every port in whose name this regular expression is found, large or small |
| `"*"` | every port |
"""

from __future__ import annotations

import re

from legando.realtime.errors import RigError


def check_port_name(key: str, wanted: str) -> None:
    """Raise RigError when a pattern between slashes is no regular expression. [any]"""
    pattern = _pattern(wanted)
    try:
        re.compile(pattern or "")
    except re.error as error:
        sentence = f"{key}: the pattern {wanted!r} cannot be read ({error}); mend it or leave out the slashes"
        raise RigError(sentence) from error


def matches(wanted: str, name: str) -> bool:
    """Say whether a port of this name is meant. [any]"""
    if wanted == "*":
        return True
    pattern = _pattern(wanted)
    if pattern is not None:
        return re.search(pattern, name, re.IGNORECASE) is not None
    return bool(wanted) and wanted.lower() in name.lower()


def _pattern(wanted: str) -> str | None:
    return wanted[1:-1] if len(wanted) > 2 and wanted[0] == wanted[-1] == "/" else None
