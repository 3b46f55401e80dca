"""A child process that is told, and answers, one JSON object a line. [control]"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from legando.realtime.closing import Closing
from legando.realtime.errors import LegandoError


class ChildLine(Closing):
    """The handle on such a process; use it as a context. What it says on standard error is kept for when it ends."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it."""
        self._noise = tempfile.TemporaryFile("w+")  # noqa: SIM115  lives as long as the process
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
        )

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):  # it ended before it had read all
            self._process.stdin.close()
        try:
            self._process.wait(5.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._noise.close()

    def refused(self, error: str) -> LegandoError:
        """Return what is raised when the process says an error, or ends."""
        return LegandoError(error)

    def _tell(self, words: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(words) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.refused(self._last_words()) from None

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer: dict[str, Any] = json.loads(line) if line else {"error": self._last_words()}
        if "error" in answer:
            raise self.refused(str(answer["error"]))
        return answer

    def _last_words(self) -> str:
        self._process.wait(5.0)
        self._noise.seek(0)
        said = self._noise.read().strip().rpartition("\n")[2]
        return f"it ended: {said or 'it said nothing'} (status {self._process.returncode})"
