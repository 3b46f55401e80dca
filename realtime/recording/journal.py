"""The journal: all that a take was made of, as JSON lines, so that it can be made again bit for bit. [control]

| line | says |
|---|---|
| first | the journal's version, the seed, the chunk, the prompts of the scenes |
| `about` | bundle and its hash, engine, legando's version: what must be the same for the same bytes |
| `frame`, `midi` | a message at its frame, in hexadecimal: what a performer did |
| `frame`, `steps` | a chunk that was made with fewer denoising steps |
| `chunk` | a chunk at this frame: in `set` the controls it was made with, where they differ from the chunk before; |
| | `pcm`, the first 16 digits of the SHA-256 of its sound; for the first of another engine `past`, what that was told |
| `scene` | from here on this scene plays: its `number` from 1, `name`, `prompts` with their weights |
| `mark` | what was heard at this frame was liked or not: `kind` |
| `roll` | from here on a candidate `bundle` follows, the fade `begin`s, it is the `main` one, or it is `dropped` |
| `end` | how many chunks there were, and the SHA-256 of all their sound |

Each line ends with its own CRC-32. A thread writes them and makes them safe each second (`spool`).
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError
from legando.realtime.recording.spool import Spool

VERSION = 2
_HEADER_MAX_BYTES = 1 << 22
"""More than the first line of any journal has, its rig's prompts included."""
_PASSING: dict[str, Any] = {"notes": [], "turn": None}
"""Controls that hold for one chunk only."""


class _Lines:
    """The file, as a spool sees it."""

    def __init__(self, path: Path) -> None:
        self.name = f"the journal {path}"
        self._file = path.open("xb", buffering=0)

    def write(self, item: bytes) -> None:
        self._file.write(item)

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def close(self) -> None:
        with self._file:
            self.sync()


class Journal:
    """Appends to one file. Owned by the host's thread."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        self.path = path
        try:
            self._spool = Spool(_Lines(path), most=1 << 16)
        except OSError as error:
            raise LegandoError(f"the journal {path} cannot be made: {error.strerror}; choose a new name") from error
        self._waiting: list[bytes] = []
        self.chunks = 0
        """How many chunks it was given."""
        self.chunk_frames = 0
        """How long they are, once `about` has said so."""
        self._write({"legando_journal": VERSION, **header})
        self._last: dict[str, Any] = {}
        self.flush()

    def about(self, about: dict[str, Any]) -> None:
        """Keep what must be the same for the same bytes."""
        self.chunk_frames = about.get("chunk_frames", 0)
        self._write({"about": about})

    def event(self, frame: int, message: bytes) -> None:
        """Keep one message."""
        self._write({"frame": frame, "midi": message.hex()})

    def rung(self, frame: int, steps: int) -> None:
        """Keep that the chunk at this frame was made with fewer denoising steps than the bundle's."""
        self._write({"frame": frame, "steps": steps})

    def made(self, frame: int, controls: dict[str, Any], sha256: str, past: dict[str, Any] | None = None) -> None:
        """Keep what the chunk at this frame was made with (`snapshot`), and the hash of its sound."""
        self.chunks += 1
        last = self._last | _PASSING
        line: dict[str, Any] = {"chunk": frame}
        if past is not None:
            line["past"] = past
        line["set"] = {name: value for name, value in controls.items() if name not in last or last[name] != value}
        self._last = controls
        self._write(line | {"pcm": sha256[:16]})

    def scene(self, frame: int, number: int, name: str, prompts: list[tuple[str, float]]) -> None:
        """Keep which scene plays from the chunk at this frame on."""
        self._write({"scene": frame, "number": number, "name": name, "prompts": prompts})

    def mark(self, frame: int, kind: str) -> None:
        """Keep what the performer thought of what was heard at this frame; a replay ignores it."""
        self._write({"mark": frame, "kind": kind})

    def roll(self, frame: int, news: dict[str, Any]) -> None:
        """Keep a step of a bundle's roll-out, which acts from the chunk at this frame on."""
        self._write({"roll": frame, **news})

    def end(self, chunks: int, pcm_sha256: str) -> None:
        """Keep that the take came to its end."""
        self._write({"end": {"chunks": chunks, "pcm_sha256": pcm_sha256}})

    def flush(self) -> None:
        """Hand over what was kept since the last call."""
        if self._waiting:
            self._spool.put(b"".join(self._waiting))
            self._waiting = []

    def take_error(self) -> str | None:
        """Return why nothing more is kept, once."""
        return self._spool.take_error()

    @property
    def failure(self) -> str | None:
        """Why not all is kept; None while it is."""
        return self._spool.failure

    def finish(self) -> None:
        """Close the file; a disk that fails is told by `failure`."""
        self.flush()
        self._spool.finish()

    def close(self) -> None:
        """Close the file. Raises LegandoError for a failed disk of which nobody was told."""
        self.flush()
        self._spool.close()

    def discard_if_empty(self) -> None:
        """Remove a closed journal without a chunk: nothing can be made of it, and its name is free again."""
        if not self.chunks:
            self.path.unlink(missing_ok=True)

    def _write(self, plain: dict[str, Any]) -> None:
        self._waiting.append(seal(plain))


def seal(plain: dict[str, Any]) -> bytes:
    """Return an object as a line with its check sum. [any]"""
    text = json.dumps(plain, separators=(",", ":"))[:-1].encode()
    return text + b',"crc":"%08x"}\n' % zlib.crc32(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeChunk:
    """One chunk: its frame, its controls as `snapshot` writes them, the hash of its sound, a new engine's past."""

    frame: int
    controls: dict[str, Any]
    pcm: str
    past: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRecord:
    """What a journal says. `end` is None where the take did not come to its end; `cut` whether its last line was cut
    off. `scenes` and `marks` are lines as they stand in the table above.
    """

    header: dict[str, Any]
    about: dict[str, Any]
    events: tuple[tuple[int, bytes], ...]
    chunks: tuple[MadeChunk, ...] = field(repr=False)
    rolls: tuple[dict[str, Any], ...]
    end: dict[str, Any] | None
    cut: bool
    scenes: tuple[dict[str, Any], ...] = ()
    marks: tuple[dict[str, Any], ...] = ()


def read_take(path: Path) -> TakeRecord:
    """Read a journal; a last line that was cut off is left out, any other damage is a LegandoError that names it."""
    try:
        with path.open("rb") as file:
            data = file.readline(_HEADER_MAX_BYTES)
            if data.endswith(b"\n"):  # else it is no journal, however long it is
                data += file.read()
    except OSError as error:
        raise LegandoError(f"the journal {path} cannot be read: {error.strerror}; check the name") from error
    lines = data.split(b"\n")
    cut = bool(lines.pop())  # after the last line's end there is nothing
    plain = [_open(path, number, line) for number, line in enumerate(lines, 1)]
    if not plain or plain[0].get("legando_journal") != VERSION:
        raise LegandoError(f"{path} is no journal of version {VERSION}; play --journal or --record makes them")
    about: dict[str, Any] = {}
    events: list[tuple[int, bytes]] = []
    rolls: list[dict[str, Any]] = []
    scenes: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    chunks: dict[int, MadeChunk] = {}
    end: dict[str, Any] | None = None
    controls: dict[str, Any] = {}
    for line in plain[1:]:
        if "chunk" in line:
            controls = controls | _PASSING | line["set"]
            frame = line["chunk"]
            chunks[frame] = MadeChunk(frame=frame, controls=controls, pcm=line["pcm"], past=line.get("past"))
        elif "midi" in line:
            events.append((line["frame"], bytes.fromhex(line["midi"])))
        elif "roll" in line:
            rolls.append(line)
        elif "scene" in line:
            scenes.append(line)
        elif "mark" in line:
            marks.append(line)
        elif "about" in line:
            about = line["about"]
        elif "end" in line:
            end = line["end"]
    return TakeRecord(
        header=plain[0],
        about=about,
        events=tuple(events),
        chunks=tuple(chunks.values()),
        rolls=tuple(rolls),
        end=end,
        cut=cut,
        scenes=tuple(scenes),
        marks=tuple(marks),
    )


def _open(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Return what a sealed line holds."""
    text, _, crc = line.rpartition(b',"crc":"')
    if crc != b'%08x"}' % zlib.crc32(text):
        raise LegandoError(f"line {number} of the journal {path} is damaged; the take cannot be made again from it")
    plain: dict[str, Any] = json.loads(text + b"}")
    return plain
