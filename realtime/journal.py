"""The journal: every control event of a take with its frame, and the seed, as JSON lines. [control]

The first line names bundle, engine, seed and scenes; each other line is one MIDI message in hexadecimal at its frame, or
says of a chunk that it was made with fewer denoising steps. Lines are flushed once for each chunk, so that a crash costs
the last chunk at most.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError

VERSION = 1


class Journal:
    """Appends to one file. Owned by the host's thread."""

    def __init__(self, path: Path, header: dict[str, Any]) -> None:
        try:
            self._file = path.open("x", encoding="utf-8")
        except OSError as error:
            raise LegandoError(f"the journal {path} cannot be made: {error.strerror}; choose a new name") from error
        self._write({"legando_journal": VERSION, **header})
        self._file.flush()

    def event(self, frame: int, message: bytes) -> None:
        """Keep one message."""
        self._write({"frame": frame, "midi": message.hex()})

    def rung(self, frame: int, steps: int) -> None:
        """Keep that the chunk at this frame was made with fewer denoising steps than the bundle's."""
        self._write({"frame": frame, "steps": steps})

    def chunk(self) -> None:
        """Say that a chunk is complete."""
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, plain: dict[str, Any]) -> None:
        self._file.write(json.dumps(plain) + "\n")
