"""Which engines may go: what is damaged, what nothing here wants any more, and what is more than there is room for.

[control]
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from legando.engines.bundle import Bundle
from legando.engines.compiled.key import Key, writer_hash
from legando.engines.compiled.kinds import SOURCE
from legando.engines.compiled.library import NAMES, EngineError, installed
from legando.engines.compiled.store import LOCK, PART, Entry, Store

DAY_S = 86_400.0
_PART_AGE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Removal:
    """An engine that goes, and why. `kept` says why it stays after all."""

    stem: str
    bytes: int
    reason: str
    kept: str = ""


def why_unwanted(key: Key, bundles: list[Bundle], versions: dict[str, str | None]) -> str:
    """Return why nothing here can use an engine, or nothing where a bundle and a library do. [control]"""
    library, version = str(key.get("library")), str(key.get("version"))
    if versions.get(library) != version:
        return f"{library} is now {versions.get(library) or 'not installed'}, it was {version}"
    if key.get("writer_sha256") != writer_hash():
        return "this legando writes other graphs"
    for bundle in bundles:
        files = bundle.manifest["files"]
        source = SOURCE.get(str(key.get("network")))
        if source is not None and (
            key.get("graph_sha256") == files[f"{source}.onnx"]["sha256"]
            and key.get("weights_sha256") == files["weights.safetensors"]["sha256"]
        ):
            return ""
    return "it is of no bundle that was named"


def installed_versions() -> dict[str, str | None]:
    """Return the version of each library that is installed. [control]"""
    return {name: installed(name) for name in NAMES}


def collect(
    store: Store,
    unwanted: Callable[[Key], str],
    *,
    days: float,
    max_bytes: float,
    dry: bool = False,
    now_s: float | None = None,
) -> list[Removal]:
    """Remove engines, and return which and why; `dry` only says so. [control]

    Goes: what is damaged; what is `unwanted` and was not used for `days`; then, while there are more than `max_bytes`,
    what was used longest ago, unwanted first. What a process has locked stays.
    """
    now = time.time() if now_s is None else now_s
    entries = store.entries()
    going: dict[str, str] = {}
    reasons = {entry.stem: "" if entry.wrong else unwanted(entry.key) for entry in entries}
    for entry in entries:
        age = (now - entry.used_s) / DAY_S
        if entry.wrong:
            going[entry.stem] = entry.wrong
        elif reasons[entry.stem] and age >= days:
            going[entry.stem] = f"{reasons[entry.stem]}; last used {age:.0f} days ago"
    left = [entry for entry in entries if entry.stem not in going]
    total = sum(entry.bytes for entry in left)
    for entry in sorted(left, key=lambda e: (not reasons[e.stem], e.used_s)):
        if total <= max_bytes:
            break
        total -= entry.bytes
        going[entry.stem] = f"all engines together are over {max_bytes / 1e6:.0f} MB"
    done = [_remove(store, entry, going[entry.stem], dry) for entry in entries if entry.stem in going]
    if not dry:
        _sweep(store.folder, now)
    return done


def _remove(store: Store, entry: Entry, reason: str, dry: bool) -> Removal:
    if dry:
        return Removal(entry.stem, entry.bytes, reason)
    try:
        with store.lock(entry.stem, wait_s=0.0) as held:
            if not held:
                return Removal(entry.stem, entry.bytes, reason, "the folder cannot be written")
            store.remove(entry.stem)
            (store.folder / f"{entry.stem}{LOCK}").unlink(missing_ok=True)
    except EngineError:
        return Removal(entry.stem, entry.bytes, reason, "a process is building it")
    except OSError as error:
        return Removal(entry.stem, entry.bytes, reason, f"it cannot be removed ({error.strerror})")
    return Removal(entry.stem, entry.bytes, reason)


def _sweep(folder: Path, now_s: float) -> None:
    """Remove old parts of files that killed processes left."""
    for part in folder.glob(f".*{PART}"):
        try:
            if now_s - part.stat().st_mtime > _PART_AGE_S:
                part.unlink()
        except OSError:
            continue
