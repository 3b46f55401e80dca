"""The link between host and engine: their messages, and the host's handle on the engine process. [control]

Each message is one JSON object over a socket pair, small and rare (three for each chunk):

| from | message | meaning |
|---|---|---|
| engine | `Ready` | the generator is warm; its figures |
| engine | `Want` | about to make the chunk at `position_frames`: what are the controls now? |
| host | controls | the answer: a snapshot, the position that it is for, to a new engine the past; or `stop` |
| host | `go` | to a spare engine: take over |
| engine | `Made` | the chunk is in the ring |
| engine | `Failed` | the engine cannot go on, and why, in a sentence |
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any

from legando.realtime.child import Child
from legando.realtime.controls import Controls
from legando.realtime.midi.voices import Held, Struck
from legando.realtime.snapshot import controls_to_plain


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """What the engine process needs to know. `paced_by` is `player` or `clock` (no sound device).

    A `spare` gets ready, then waits until it is told to take over. A `candidate` follows another engine into a ring of
    its own, until it is given the main one.
    """

    ring: str
    instrument: str
    bundle: str | None
    seed: int
    chunk_latents: int | None
    steps: int | None
    eco: bool
    lead_frames: int
    paced_by: str
    spare: bool = False
    candidate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """The generator is warm. `priority` is the engine's real-time priority, 0 where it may have none.

    `bundle_name` and `bundle_sha256` say which bundle it has read.
    """

    sample_rate_hz: int
    channels: int
    chunk_frames: int
    latency_frames: int
    engine: str
    steps: int
    priority: int
    bundle_name: str = ""
    bundle_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """The engine waits for the controls of this chunk."""

    position_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A chunk is in the ring; `late_ns` is how late it began, `steps` the rung it was made on.

    `score` has the ticks that began in it, each with its tokens, and `next_tick` is where the next chunk begins: what
    another engine needs to go on in the same music. `controls` says what it was made with, when not with the answer.
    `section` is where the form is, empty where an engine has no forms. `mixed` says whether a newcomer could be mixed
    in, None where none was to be. `struck` is what was struck and ended in it, as `midi.voices` reads it; `held` what
    sounded before it in an engine that leads from here on, None else.
    """

    position_frames: int
    frames: int
    cost_ns: int
    late_ns: int
    tick: float
    chord: str
    steps: int
    score: list[tuple[int, list[int]]]
    next_tick: float
    controls: dict[str, Any] | None = None
    section: str = ""
    mixed: bool | None = None
    struck: Sequence[Struck] = ()
    held: Sequence[Held] | None = None

    @property
    def opens(self) -> bool:
        """Whether this is the first chunk of a run: the bars before it are composed in it, and nothing waits for it."""
        return self.position_frames == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The engine has ended; a `fatal` reason would only come again with another one."""

    sentence: str
    fatal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a replaced engine had written: where the next chunk begins, and the ticks before it with their tokens."""

    tick: float
    score: tuple[tuple[int, list[int]], ...]


Message = Ready | Want | Made | Failed
_KINDS: dict[str, type[Ready] | type[Want] | type[Made] | type[Failed]] = {
    kind.__name__: kind for kind in (Ready, Want, Made, Failed)
}


def prefill_frames(lead_frames: int, chunk_frames: int) -> int:
    """Return how full the ring must be before the player starts: the lead and the chunk that plays first. [any]"""
    return lead_frames + chunk_frames


def send_message(connection: Connection, message: Message) -> None:
    """Send one message to the host. [engine]"""
    connection.send_bytes(json.dumps({"kind": type(message).__name__, **asdict(message)}).encode())


def _parse_message(data: bytes) -> Message:
    plain: dict[str, Any] = json.loads(data)
    return _KINDS[plain.pop("kind")](**plain)


class EngineProcess:
    """Start, hear, answer and restart the engine. Owned by the host's thread."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self._child: Child | None = None
        self._connection: Connection | None = None
        self._spare: tuple[Child, Connection] | None = None
        self._leaving: list[Child] = []  # killed, but not gone yet: the end of a large process takes a while

    def start(self) -> None:
        """Start the process; `Ready` comes when its generator is warm."""
        assert self._child is None, "already started"
        self._child, self._connection = self._launch(self.settings)

    @staticmethod
    def _launch(settings: EngineSettings, *, urgent: bool = False) -> tuple[Child, Connection]:
        ours, theirs = Pipe()
        words = ["--fd", str(theirs.fileno()), "--settings", json.dumps(asdict(settings))]
        child = Child("legando.realtime.engine", words, pass_fd=theirs.fileno(), urgent=urgent, huge_pages=True)
        theirs.close()
        return child, ours

    @property
    def has_spare(self) -> bool:
        """Whether another engine stands by."""
        return self._spare is not None and self._spare[0].alive

    def keep_spare(self) -> None:
        """Start another engine that gets ready and waits, unless there is one: a replacement without a pause."""
        if not self.has_spare:
            self._drop_spare()
            self._spare = self._launch(replace(self.settings, spare=True))

    @property
    def pid(self) -> int:
        """The process's id; 0 when there is none."""
        return self._child.pid if self._child is not None else 0

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, None when none comes in time, `Failed` once when the process is gone."""
        if self._connection is None or not self._connection.poll(timeout_s):
            return None
        try:
            return _parse_message(self._connection.recv_bytes())
        except (EOFError, OSError):
            return Failed(sentence=self._last_words())

    def answer(self, position_frames: int, controls: Controls, past: Past | None = None) -> None:
        """Send the controls of one chunk, to a new engine with the past; a dead one is noticed by `receive`."""
        plain = {"position": position_frames, "controls": controls_to_plain(controls)}
        self._send(plain if past is None else plain | {"past": asdict(past)})

    def tell(self, plain: dict[str, Any]) -> None:
        """Send something else: `mix` to an engine that leaves, `main` to one that comes."""
        self._send(plain)

    def adopt(self, other: EngineProcess, settings: EngineSettings) -> None:
        """Take the place of this engine with another one, and start its like from now on.

        Waits for nobody: the newcomer has asked already what its first chunk is to be.
        """
        self._forget_the_gone()
        for pair in (self._spare, (self._child, self._connection)):
            if pair is not None and pair[0] is not None and pair[1] is not None:
                pair[0].kill()
                pair[1].close()
                self._leaving.append(pair[0])
        self._spare = None
        self._child, self._connection = other._child, other._connection
        other._child, other._connection = None, None
        self.settings = settings

    def dismiss(self) -> None:
        """Tell the process that there is nothing more to make, and do not wait for its end."""
        self._send({"stop": True})

    def stop(self, timeout_s: float = 2.0) -> None:
        """End the process, politely at first, and the spare; harmless when there is none."""
        self.dismiss()  # first, or it would go on with the last snapshot
        self._reap(patience_s=timeout_s)
        self._drop_spare()
        for child in self._leaving:
            child.end(patience_s=0.0)
        self._forget_the_gone()

    def restart(self) -> None:
        """Replace a dead or stuck engine, by the spare if there is one; it goes on where the ring ends."""
        self._reap(patience_s=0.0)
        if self._spare is not None and self.has_spare:
            (self._child, self._connection), self._spare = self._spare, None
            self._send({"go": True})
        else:
            self._child, self._connection = self._launch(self.settings, urgent=True)

    def __enter__(self) -> EngineProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _send(self, plain: dict[str, Any]) -> None:
        if self._connection is not None:
            try:
                self._connection.send_bytes(json.dumps(plain).encode())
            except OSError:
                return

    def _forget_the_gone(self) -> None:
        for child in [child for child in self._leaving if not child.alive]:
            child.close()
            self._leaving.remove(child)

    def _drop_spare(self) -> None:
        if self._spare is not None:
            child, connection = self._spare
            child.end(patience_s=0.0)
            child.close()
            connection.close()
            self._spare = None

    def _last_words(self) -> str:
        assert self._child is not None
        if not self._child.wait(1.0):
            return "the engine closed its link; it will be replaced"
        return f"the engine ended with {self._child.last_words()}"

    def _reap(self, *, patience_s: float) -> None:
        if self._child is not None:
            self._child.end(patience_s=patience_s)
            self._child.close()
        if self._connection is not None:
            self._connection.close()
        self._child, self._connection = None, None
