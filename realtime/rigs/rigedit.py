"""Rig files changed by a program: comments, order and spelling stay; the file is whole before and after. [control]"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, MutableMapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from legando.realtime.errors import RigError
from legando.realtime.rigs.prompts import as_typed, weighted
from legando.realtime.rigs.rig import DEFAULT_RIG, read_rig
from legando.realtime.rigs.scene import Scene, unlike
from legando.realtime.rigs.source import parse_source

OWN_RIG = Path("rig.toml")
"""The rig of one's own where none is named: in the folder in which legando was started."""


def bind_in(text: str, values: Mapping[str, object]) -> tuple[str, str]:
    """Return a rig's text with one binding more, and the control that its source moved before, if any. [any]

    A binding of the same source and channel is replaced; its own comments stay.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise RigError(f"the rig file is not TOML: {error}") from error
    wanted = (parse_source(str(values["source"])), values.get("channel"))
    midi = document.get("midi")
    for entries in (document.get("bind", ()), midi.get("bind", ()) if isinstance(midi, MutableMapping) else ()):
        for entry in entries:
            source = entry.get("source") or f"cc {entry.get('cc')}"
            if (parse_source(str(source)), entry.get("channel")) == wanted:
                before = str(entry.get("control", ""))
                for key in [key for key in entry if key not in values]:
                    del entry[key]
                entry.update(values)
                return tomlkit.dumps(document), before
    if not isinstance(document.get("bind"), list):
        document["bind"] = tomlkit.aot()
    table = tomlkit.table()
    for key, value in values.items():
        table.add(key, value)
    bindings: Any = document["bind"]
    bindings.append(table)
    return tomlkit.dumps(document), ""


def scene_in(text: str, scene: Scene) -> tuple[str, str]:
    """Return a rig's text with one scene more, and the name that it has there: unlike all others. [any]"""
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise RigError(f"the rig file is not TOML: {error}") from error
    if not isinstance(document.get("scene"), list):
        document["scene"] = tomlkit.aot()
    scenes: Any = document["scene"]
    if scenes and not text.endswith("\n\n"):
        scenes[-1].add(tomlkit.nl())
    name = unlike(scene.name, {str(entry.get("name")) for entry in scenes})
    table = tomlkit.table()
    for key, value in scene_values(replace(scene, name=name)).items():
        table.add(key, value)
    scenes.append(table)
    return tomlkit.dumps(document), name


def scene_values(scene: Scene) -> dict[str, object]:
    """Return what a scene says, as a rig writes it: only what is not so by itself. [any]"""
    prompts = [as_typed([pair]) for pair in weighted(scene.prompts)]
    values: dict[str, object] = {"name": scene.name, "prompts": prompts}
    for one in fields(Scene):
        value = getattr(scene, one.name)
        if one.name not in values and value != one.default:
            values[one.name] = sorted(value) if isinstance(value, frozenset) else value
    return values


def own_rig_text() -> str:
    """Return the shipped rig as the first of one's own: without the MIDI file that plays when nobody does. [any]"""
    document = tomlkit.parse(DEFAULT_RIG.read_text(encoding="utf-8"))
    performance: Any = document["performance"]
    for key in ("midi_file", "seconds"):
        performance.pop(key, None)
    return tomlkit.dumps(document)


def save_rig(path: Path, text: str) -> None:
    """Replace a rig file in one step, once its new text has been read as a rig; else RigError, and it stays."""
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".toml", dir=target.parent)
    except OSError as error:
        raise RigError(f"cannot write beside {path}: {error.strerror or error}; choose another folder") from error
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        read_rig(new)
        if target.exists():
            shutil.copymode(target, new)
        else:
            new.chmod(0o644)
        new.replace(target)
    except OSError as error:
        raise RigError(f"cannot write {path}: {error.strerror or error}; it is as it was") from error
    except RigError as error:
        raise RigError(str(error).replace(str(new), str(path))) from error
    finally:
        new.unlink(missing_ok=True)
