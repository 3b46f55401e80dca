"""Engines on disk: each a file and a JSON sidecar that says what it is. Whatever is not whole is a miss. [control]

An engine is written to a temporary file, synced, and renamed; then its sidecar, which makes it count. So a builder that
is killed leaves nothing that looks whole. Reading trusts nothing: the sidecar's key must be the one asked for, the
engine's size and SHA-256 those of the sidecar. One builder at a time holds the lock of an engine (flock, which dies
with its process); who comes second waits, says so, and finds the engine made. A cache that cannot be written costs
time, never the engine.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from legando.engines.compiled.key import Key, digest_of, stem_of
from legando.engines.compiled.library import EngineError

Say = Callable[[str], None]

ENGINE, SIDECAR, LOCK, PART, KERNELS = ".engine", ".json", ".lock", ".part", ".kernels"
_SIDECAR_MAX_BYTES = 1_000_000
_POLL_S = 0.1
WAIT_S = 1800.0


def default_folder() -> Path:
    """Return where engines are kept: $LEGANDO_CACHE_DIR/engines, else the system's place for caches. [control]"""
    chosen = os.environ.get("LEGANDO_CACHE_DIR")
    if chosen:
        return Path(chosen) / "engines"
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return root / "legando" / "engines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One engine of a store. `wrong` says what is wrong with it, or nothing."""

    stem: str
    path: Path
    sidecar: Mapping[str, Any]
    bytes: int
    used_s: float
    wrong: str = ""

    @property
    def key(self) -> Key:
        """Return the key that its sidecar states."""
        key = self.sidecar.get("key")
        return key if isinstance(key, dict) else {}


class Store:
    """A folder of engines. Only `put` and `lock` write."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = default_folder() if folder is None else folder

    def find(self, key: Key) -> tuple[bytes | None, str]:
        """Return an engine and nothing, or None and why there is none: "" where there simply is none. [control]"""
        path = self.folder / f"{stem_of(key)}{ENGINE}"
        sidecar, wrong = read_sidecar(path.with_suffix(SIDECAR))
        if wrong or not sidecar:
            return None, wrong
        if sidecar.get("key") != dict(key):
            return None, f"{path.name} is of another kind than its name says"
        try:
            engine = path.read_bytes()
        except OSError as error:
            return None, f"{path.name} cannot be read ({error.strerror})"
        if wrong := _differs(sidecar, len(engine), hashlib.sha256(engine).hexdigest(), path.name):
            return None, wrong
        with suppress(OSError):  # when it was last of use, for the collector; a read-only cache keeps no such date
            os.utime(path)
        return engine, ""

    def put(self, key: Key, engine: bytes, about: Mapping[str, Any]) -> str:
        """Keep an engine; return why it could not be kept, or nothing. The lock of the key is held. [control]"""
        stem = stem_of(key)
        sidecar = {
            **about,
            "key": dict(key),
            "key_sha256": digest_of(key),
            "engine": {"bytes": len(engine), "sha256": hashlib.sha256(engine).hexdigest()},
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        try:
            self._sweep(stem)
            (self.folder / f"{stem}{SIDECAR}").unlink(missing_ok=True)  # it speaks of the engine before
            write_whole(self.folder / f"{stem}{ENGINE}", engine)
            write_whole(self.folder / f"{stem}{SIDECAR}", (json.dumps(sidecar, indent=1) + "\n").encode())
        except OSError as error:
            self._sweep(stem)
            return f"the engine cannot be kept in {self.folder}: {error.strerror}; it will be built again next time"
        return ""

    def remove(self, stem: str) -> None:
        """Remove what is there of an engine, sidecar first. Its lock is held. [control]"""
        for suffix in (SIDECAR, ENGINE):
            with suppress(OSError):
                (self.folder / f"{stem}{suffix}").unlink(missing_ok=True)
        for path in self.folder.glob(f"{stem}.*{KERNELS}"):
            with suppress(OSError):
                path.unlink()
        self._sweep(stem)

    def _sweep(self, stem: str) -> None:
        """Remove what a killed builder left of this engine; who holds the lock is the only builder."""
        with suppress(OSError):
            for part in self.folder.glob(f".{stem}.*{PART}"):
                part.unlink(missing_ok=True)

    @contextmanager
    def lock(self, stem: str, say: Say = lambda _: None, *, wait_s: float = WAIT_S) -> Iterator[bool]:
        """Hold an engine's lock; yield False where the folder takes none; EngineError after `wait_s`. [control]"""
        path = self.folder / f"{stem}{LOCK}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError:
            yield False
            return
        try:
            handle = _take(handle, path, say, wait_s)
            yield True
        finally:
            os.close(handle)

    def entries(self, *, deep: bool = False) -> list[Entry]:
        """Return all engines, damaged ones with what is wrong with them; `deep` checks digests too. [control]"""
        found = []
        stems = {path.stem for suffix in (ENGINE, SIDECAR) for path in self.folder.glob(f"[!.]*{suffix}")}
        for stem in sorted(stems):
            path = self.folder / f"{stem}{ENGINE}"
            sidecar, wrong = read_sidecar(path.with_suffix(SIDECAR))
            size, used_s = 0, 0.0
            try:
                status = path.stat()
                size, used_s = status.st_size, max(status.st_mtime, status.st_ctime if not status.st_mtime else 0.0)
            except OSError:
                wrong = wrong or f"{path.name} is missing"
            if not wrong and not sidecar:
                wrong = f"{path.name} has no sidecar"
            if not wrong and (not isinstance(sidecar.get("key"), dict) or _stem(sidecar) != stem):
                wrong = f"{path.name} is of another kind than its name says"
            if not wrong:
                digest = sidecar["engine"].get("sha256")
                with suppress(OSError):
                    digest = _file_hash(path) if deep else digest
                wrong = _differs(sidecar, size, digest, path.name)
            found.append(Entry(stem=stem, path=path, sidecar=sidecar, bytes=size, used_s=used_s, wrong=wrong))
        return found


def _stem(sidecar: Mapping[str, Any]) -> str:
    try:
        return stem_of(sidecar["key"])
    except (KeyError, TypeError):
        return ""


def _take(handle: int, path: Path, say: Say, wait_s: float) -> int:
    """Wait for the lock of an open file, and return the handle that holds it."""
    until, waited = time.monotonic() + wait_s, 0
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited += 1
            if waited == 2:  # by then whoever holds it has written its name
                say(f"waiting for another process ({_holder(handle)}) that builds {path.stem}")
            if time.monotonic() > until:
                raise EngineError(
                    f"another process ({_holder(handle)}) has held {path} for {wait_s:g} s; end it, or wait for it"
                ) from None
            time.sleep(_POLL_S)
            continue
        same = False
        with suppress(OSError):  # the collector may have removed the file that we waited for
            same = os.fstat(handle).st_ino == path.stat().st_ino
        if same:
            with suppress(OSError):  # a full disk: the lock holds all the same, without a name
                os.ftruncate(handle, 0)
                os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            return handle
        os.close(handle)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)


def _holder(handle: int) -> str:
    text = os.pread(handle, 32, 0).decode(errors="replace").strip()
    return f"process {text}" if text.isdigit() else "unknown"


def read_sidecar(path: Path) -> tuple[dict[str, Any], str]:
    """Return a sidecar, or what is wrong with it; two empties where there is none. [control]"""
    try:
        if path.stat().st_size > _SIDECAR_MAX_BYTES:
            return {}, f"{path.name} is larger than any sidecar"
        told = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}, ""
    except OSError as error:
        return {}, f"{path.name} cannot be read ({error.strerror})"
    except (ValueError, RecursionError):
        return {}, f"{path.name} is no JSON"
    if not isinstance(told, dict) or not isinstance(told.get("engine"), dict):
        return {}, f"{path.name} does not describe an engine"
    return told, ""


def _differs(sidecar: Mapping[str, Any], size: int, digest: object, name: str) -> str:
    stated = sidecar["engine"]
    if stated.get("bytes") != size:
        return f"{name} has {size} bytes, its sidecar says {stated.get('bytes')}"
    if stated.get("sha256") != digest:
        return f"{name} has SHA-256 {str(digest)[:12]}, its sidecar says {str(stated.get('sha256'))[:12]}"
    return ""


def write_whole(path: Path, data: bytes) -> None:
    """Write a file that appears only when all of it is on the disk. Raises OSError. [control]"""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=PART)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
