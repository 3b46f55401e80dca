"""Supervision: an engine or player that dies, hangs or loses its device is replaced. [control]"""

from __future__ import annotations

import time

from legando.realtime.enginelink import EngineProcess, Failed, Made, Message, Ready
from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.playing.playerlink import PlayerProcess
from legando.realtime.ring import PlayerState, Ring
from legando.realtime.screen.display import Display

READY_TIMEOUT_S = 60.0
HANG_S = 2.0
HANG_WITH_SPARE_S = 0.4
"""An engine that says nothing for so long, while it is needed, is replaced: sooner, where that costs no pause."""

SPARE_AFTER_CHUNKS = 40
"""When the spare engine is started: not while everything else starts; likewise the spare player. From then on one that
is missing is replaced as often: it died, or left with its like when another bundle came in.
"""

ENGINE_FAILURES_MAX = 5
"""So many failures in a row, none of which made `PROVEN_CHUNKS` between them, and it is given up."""
PROVEN_CHUNKS = 12
SPARE_AFTER_FRAMES = 96_000
PLAYER_START_S = 5.0
PLAYER_RETRY_S = 1.0
PLAYER_GIVE_UP_S = 30.0


class EngineWatch:
    """Sees every message of the engine. State: when it was last alive, how often it was replaced."""

    def __init__(self, engine: EngineProcess, ring: Ring, display: Display, *, spares: bool = True) -> None:
        self._spares = spares
        self._engine = engine
        self._ring = ring
        self._display = display
        self._alive_ns = time.perf_counter_ns()
        self._ready = False
        self._failures = self._made = 0
        self.restarts = 0

    @property
    def ready(self) -> bool:
        """Whether the engine of now is warm."""
        return self._ready

    def wait_until_ready(self) -> Ready:
        """Return the figures of the engine once it is warm; raises LegandoError when it cannot start."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            message = self._engine.receive(0.2)
            if isinstance(message, Failed):
                raise LegandoError(message.sentence)
            if isinstance(message, Ready):
                self._alive_ns, self._ready = time.perf_counter_ns(), True
                return message
        raise LegandoError(f"the engine was not ready after {READY_TIMEOUT_S:g} s; is the machine very busy?")

    def check(self, message: Message | None, *, needed: bool) -> None:
        """Replace the engine when it has failed, or been silent too long although it was `needed`."""
        now_ns = time.perf_counter_ns()
        patience_s = READY_TIMEOUT_S
        if self._ready:
            patience_s = HANG_WITH_SPARE_S if self._engine.has_spare else HANG_S
        if isinstance(message, Failed):
            if message.fatal:
                raise LegandoError(message.sentence)
            self._replace(message.sentence, now_ns)
        elif message is not None or not needed:
            self._alive_ns = now_ns
            self._ready = self._ready or message is not None
            self._made += isinstance(message, Made)
            if self._spares and isinstance(message, Made) and self._made % SPARE_AFTER_CHUNKS == 0:
                self._engine.keep_spare()
        elif now_ns - self._alive_ns > patience_s * 1e9:
            self._replace(f"the engine said nothing for {patience_s:g} s", now_ns)

    def _replace(self, reason: str, now_ns: int) -> None:
        self.restarts += 1
        self._failures = 1 if self._made >= PROVEN_CHUNKS else self._failures + 1
        self._made = 0
        if self._failures > ENGINE_FAILURES_MAX:
            raise LegandoError(f"the engine failed {self._failures} times in a row; the last time {reason}")
        self._display.say(f"{reason}; starting another")
        self._engine.restart()
        self._alive_ns, self._ready = now_ns, False


class PlayerWatch:
    """Looks after the player, or after none. State: since when there is no sound, when to try again."""

    def __init__(self, player: PlayerProcess | None, ring: Ring, display: Display, *, spares: bool = True) -> None:
        self._spares = spares
        self._player = player
        self._ring = ring
        self._display = display
        self._silent_since_ns = 0
        self._retry_ns = 0
        self._started_frames = 0
        self._starting = False
        self.restarts = 0

    @property
    def playing(self) -> bool:
        """Whether the ring is being emptied: by a player that plays, or by the clock where there is none."""
        return self._player is None or self._ring.player_state in (PlayerState.PLAYING, PlayerState.STARVED)

    @property
    def done(self) -> bool:
        """Whether nothing more will be played."""
        return self._player is None or not self._player.alive or self._ring.player_state is PlayerState.STOPPED

    def check(self) -> None:
        """Replace a player that died or lost its device; raises DeviceError when it stays away too long."""
        if self._player is None:
            return
        if self._starting:
            self._wait_for_the_next()
            return
        if self._player.alive:
            self._silent_since_ns = 0
            if self._spares and self._ring.played_frames - self._started_frames > SPARE_AFTER_FRAMES:
                self._player.keep_spare()
            return
        now_ns = time.perf_counter_ns()
        if not self._silent_since_ns:
            self._silent_since_ns = now_ns
            self._display.say(self._player.end or "the player ended; starting another")
        if now_ns < self._retry_ns:
            return
        self.restarts += 1
        self._started_frames = self._ring.played_frames
        self._player.begin_again(PLAYER_START_S)
        self._starting = True
        self._wait_for_the_next()

    def _wait_for_the_next(self) -> None:
        """Look whether the new player has opened its device; the host goes on meanwhile."""
        assert self._player is not None
        try:
            self._starting = self._player.poll_ready() is None
        except DeviceError as error:
            now_ns, self._starting = time.perf_counter_ns(), False
            if now_ns - self._silent_since_ns > PLAYER_GIVE_UP_S * 1e9:
                raise DeviceError(f"no sound for {PLAYER_GIVE_UP_S:g} s: {error}") from error
            self._retry_ns = now_ns + round(PLAYER_RETRY_S * 1e9)
