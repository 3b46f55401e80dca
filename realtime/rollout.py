"""Roll-out: another bundle comes in by a cross-fade while the music plays, and goes back the same way. [control]

A second engine reads the candidate bundle, which must pass its own test, and follows the controls of the first one,
writing to a side ring. When it keeps pace, the first one mixes it in (`crossfade`), and at the end of the fade the
second one takes the first one's place. A candidate that fails at any point before is dropped with one sentence.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from legando.realtime.controls import Controls
from legando.realtime.crossfade import FADE_FRAMES
from legando.realtime.enginelink import EngineProcess, Failed, Made, Past, Ready
from legando.realtime.recording.take import Take
from legando.realtime.ring import Ring
from legando.realtime.screen.display import Display

READY_S = 60.0
PACE_S = 20.0
"""How long a candidate may take to be ready, and then to keep pace."""


@dataclass(frozen=True, slots=True)
class Mix:
    """What the engine that leaves is told: the side ring, which frame is its first, where the fade begins."""

    ring: str
    base: int
    begin: int


def next_candidate(candidates: Sequence[Path | None], now: Path | None, word: str) -> Path | None:
    """Return the candidate of a number from 1 or a name, for `next` the one after that of now; `now` for none. [any]"""
    if word != "next":
        by_name = {str(n): path for n, path in enumerate(candidates, 1)}
        by_name |= {word: path for path in candidates if path is not None for word in (path.name, str(path))}
        return by_name.get(word, now)
    at = candidates.index(now) + 1 if now in candidates else 0
    return candidates[at % len(candidates)] if candidates else now


class Rollout:
    """One candidate on its way in. Owned by the host's thread; ends with `done` or `refused`."""

    def __init__(self, engine: EngineProcess, ready: Ready, bundle: Path | None) -> None:
        self._ready = ready
        self.bundle = bundle
        self._side = Ring.create(sample_rate_hz=ready.sample_rate_hz, channels=ready.channels)
        name = str(bundle) if bundle is not None else None
        self.settings = replace(engine.settings, bundle=name)
        self.candidate = EngineProcess(replace(self.settings, ring=self._side.name, candidate=True))
        self.candidate.start()
        self._since_s = time.monotonic()
        self.engine_ready: Ready | None = None
        self._base = self._begin = -1
        self._made = -1
        self.news: list[dict[str, Any]] = []  # what a journal keeps
        self.refused: str | None = None

    @property
    def fading(self) -> bool:
        """Whether the candidate can be heard."""
        return self._begin >= 0

    def poll(self) -> None:
        """Hear the candidate."""
        message = self.candidate.receive(0.0)
        if isinstance(message, Failed):
            self.refused = message.sentence
        elif isinstance(message, Ready):
            self.engine_ready, self._since_s = message, time.monotonic()
            ours, theirs = self._shape(self._ready), self._shape(message)
            if ours != theirs:
                self.refused = f"its chunks are {theirs}, those that play are {ours} (frames, latency, rate, channels)"
        elif isinstance(message, Made):
            self._made = message.position_frames
        if not self.fading and time.monotonic() - self._since_s > (READY_S if self.engine_ready is None else PACE_S):
            self.refused = "it does not keep pace; close other programs"

    @staticmethod
    def _shape(ready: Ready) -> tuple[int, int, int, int]:
        return ready.chunk_frames, ready.latency_frames, ready.sample_rate_hz, ready.channels

    def steer(self, position: int, controls: Controls, past: Past) -> Mix | None:
        """Let the candidate make the same chunk; return what the other engine must know, once."""
        if self.engine_ready is None:
            return None
        first = self._base < 0
        if first:
            self._base = position
            about = {"name": self.engine_ready.bundle_name, "sha256": self.engine_ready.bundle_sha256}
            self.news.append({"bundle": self.settings.bundle or "", **about, "past": asdict(past)})
        self.candidate.answer(position, controls, past if first else None)
        if self.fading or self._made < position - 2 * self._ready.chunk_frames:
            return None
        self._begin = position
        self.news.append({"begin": True})
        return Mix(self._side.name, self._base, position)

    def due(self, position: int) -> bool:
        """Say whether the fade is over at this frame, and the candidate can take over."""
        return self.refused is None and self.fading and position >= self._begin + FADE_FRAMES

    def close(self) -> None:
        """End the candidate, unless it has been given away, and the side ring."""
        self.candidate.stop(timeout_s=0.0)  # nobody waits here: the music goes on
        self._side.close()


class Rollouts:
    """Which bundle plays, which played before, and the one candidate on its way in. Owned by the host's thread."""

    def __init__(
        self,
        candidates: Sequence[Path | None],
        bundle: Path | None,
        *,
        engine: EngineProcess,
        ready: Ready,
        ring: Ring,
        take: Take,
        display: Display,
    ) -> None:
        self._candidates = candidates
        self._bundle = self._bundle_before = bundle
        self._engine = engine
        self._ready = ready
        self.playing = ready
        """What the engine that plays said of itself: its bundle, too."""
        self._ring = ring
        self._take = take
        self._display = display
        self._rollout: Rollout | None = None
        self.outcomes: Counter[str] = Counter(tried=0, played=0, refused=0)
        self._restarts = 0  # how often the engine had been replaced when the roll-out began

    def begin(self, word: str, *, restarts: int) -> None:
        """Try the bundle of a number, a name, `next` or `back`."""
        wanted = self._bundle_before if word == "back" else next_candidate(self._candidates, self._bundle, word)
        if self._rollout is not None or wanted == self._bundle:
            self._display.say("no other bundle comes in: one is on its way, or there is none in [engine] candidates")
            return
        self._restarts = restarts
        self._rollout = Rollout(self._engine, self._ready, wanted)
        self.outcomes["tried"] += 1
        self._display.say(f"bundle {wanted or 'shipped'} is being tried")

    def look_after(self, frame: int, *, restarts: int) -> None:
        """Hear the candidate, and drop it when it failed."""
        rollout = self._rollout
        if rollout is None:
            return
        rollout.poll()
        if restarts != self._restarts:
            rollout.refused = "the engine had to be replaced meanwhile"
        if rollout.refused is not None:
            self.outcomes["refused"] += 1
            self._display.say(f"bundle {rollout.bundle or 'shipped'} is refused: {rollout.refused}; the other plays on")
            self._take.rolled(frame, {"dropped": True})
            self.close()

    def steer(self, position_frames: int, controls: Controls, past: Past) -> None:
        """Let a candidate follow, and the engine of now mix it in once it keeps pace."""
        rollout = self._rollout
        if rollout is None:
            return
        mix = rollout.steer(position_frames, controls, past)
        if mix is not None:
            self._engine.tell({"mix": asdict(mix)})
        for news in rollout.news:
            self._take.rolled(position_frames, news)
        rollout.news.clear()

    def made(self, made: Made) -> None:
        """Hear from the engine of now that it could not mix the candidate in."""
        if made.mixed is False and self._rollout is not None:
            self._rollout.refused = "it fell behind during the fade"

    def take_over(self, position_frames: int) -> bool:
        """Give the place of the engine to the candidate when the fade is over."""
        rollout = self._rollout
        if rollout is None or not rollout.due(position_frames):
            return False
        rollout.candidate.tell({"main": self._ring.name})
        while isinstance(rollout.candidate.receive(0.0), Made):
            pass  # what it has made while it followed is not the music's account
        self._engine.adopt(rollout.candidate, rollout.settings)
        self._bundle_before, self._bundle = self._bundle, rollout.bundle
        self.outcomes["played"] += 1
        self.playing = rollout.engine_ready or self.playing
        self._display.say(f"bundle {rollout.bundle or 'shipped'} plays")
        self._take.rolled(position_frames, {"main": True})
        self.close()
        return True

    def close(self) -> None:
        """End the candidate on its way, if there is one."""
        if self._rollout is not None:
            self._rollout.close()
            self._rollout = None
