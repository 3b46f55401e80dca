"""A TOML table becomes a frozen dataclass: unknown and missing keys and wrong types are refused in one sentence. [any]

A field's metadata may name its `key`, where that is not the field's name; None is for a field that no file sets.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

from legando.realtime.errors import RigError
from legando.realtime.rigs.checks import nearest
from legando.realtime.rigs.prompts import Prompt, parse_prompt

_T = TypeVar("_T")


def read_table(kind: type[_T], table: Mapping[str, object], where: str) -> _T:
    """Build a dataclass from a TOML table. [any]

    `where` names the table in what is refused. Raises RigError for unknown and missing keys, and wrong types.
    """
    hints = typing.get_type_hints(kind)
    known = {item.metadata.get("key", item.name): item for item in fields(kind)}  # type: ignore[arg-type]
    known.pop(None, None)
    title = f"[{where}]" if where else "the top level"
    for key in table:
        if key not in known:
            hint = nearest(key, tuple(known)) or f"; known keys: {', '.join(known)}"
            raise RigError(f"unknown key {key!r} in {title}{hint}")
    values: dict[str, object] = {}
    for key, item in known.items():
        if key in table:
            values[item.name] = _convert(table[key], hints[item.name], f"{where}.{key}" if where else key)
        elif not where and key == "scene":
            values[item.name] = ()
        elif item.default is item.default_factory:  # both are MISSING
            raise RigError(f"{title} lacks the key {key!r}; add it")
    try:
        return kind(**values)
    except RigError as error:
        raise RigError(f"in {title}: {error}" if where else str(error)) from error


def _convert(value: object, hint: Any, where: str) -> object:
    """Return a TOML value as the type that the field asks for, or refuse it with both types named."""
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    origin = typing.get_origin(hint)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise RigError(f"{where} must be a list, it is {_kind(value)}")
        item_hint = typing.get_args(hint)[0]
        return origin(_convert(item, item_hint, where) for item in value)
    if hint is Prompt and isinstance(value, str):
        return parse_prompt(value)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise RigError(f"{where} must be a table, it is {_kind(value)}")
        return read_table(hint, value, where)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise RigError(f"{where} = {value} is not a finite number")
        return float(value)
    if hint in (int, str, bool) and isinstance(value, hint) and (hint is bool or not isinstance(value, bool)):
        return value
    names = {int: "a whole number", float: "a number", str: "text in quotes", bool: "true or false"}
    wanted = names.get(hint, str(hint))
    raise RigError(f"{where} must be {wanted}, it is {_kind(value)}")


def _kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return str(value).lower() if isinstance(value, bool) else repr(value)
