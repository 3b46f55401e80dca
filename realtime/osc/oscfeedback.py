"""OSC feedback: a screen or a light desk is told what is heard. [control]

| address | arguments | when |
|---|---|---|
| `/legando/beat` | bar and beat from 1, the bar's place from 0 | a beat is heard |
| `/legando/scene`, `/legando/coming` | name, number from 1; name or nothing | it changes |
| `/legando/chord` | such as `Cmin7` | it changes |
| `/legando/tempo` | bpm | it changes |
| `/legando/levels` | peaks in dB | ten times a second at most |

Sent by the host's thread when it looks after everything else, at most 50 ms late; MIDI clock is for what must be exact.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque

from legando.realtime.osc.oscaddress import read_osc_address
from legando.realtime.osc.oscwire import Argument, build_osc

TICKS_PER_BEAT, BEATS_PER_BAR = 4, 4
LEVELS_S = 0.1


class HeardBeat:
    """Which beat is heard: chunks are told of ahead of it. State: the chunks that are not yet over."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[int, float, int, float]] = deque(maxlen=64)

    def made(self, frame: int, tick: float, frames: int, next_tick: float) -> None:
        """Take note of a chunk: from a tick to the next."""
        self._chunks.append((frame, tick, frames, next_tick))

    def at(self, frame: int) -> int | None:
        """Return the beat, counted from 0, that sounds at a frame; None when that is not known."""
        while self._chunks and frame >= self._chunks[0][0] + self._chunks[0][2]:
            self._chunks.popleft()
        if not self._chunks or frame < self._chunks[0][0]:
            return None
        start, tick, frames, next_tick = self._chunks[0]
        return int((tick + (next_tick - tick) * (frame - start) / frames + 1e-6) // TICKS_PER_BEAT)


class OscFeedback:
    """Owned by the host's thread."""

    def __init__(self, address: str) -> None:
        self._to = read_osc_address("feedback", address)
        self._socket = socket.socket(socket.AF_INET6 if ":" in self._to[0] else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._told: dict[str, tuple[Argument, ...]] = {}
        self._levels_s = 0.0
        self.beat = HeardBeat()

    def tell(self, address: str, *arguments: Argument) -> None:
        """Send a message, unless the last one of this address said the same."""
        if self._told.get(address) != arguments:
            self._told[address] = arguments
            with contextlib.suppress(OSError):  # nobody listens, or the network is busy
                self._socket.sendto(build_osc(f"/legando/{address}", arguments), self._to)

    def show(
        self,
        *,
        heard_frame: int,
        scene: str,
        number: int,
        coming: str,
        chord: str,
        tempo_bpm: float,
        peaks_db: tuple[float, ...],
    ) -> None:
        """Tell what has changed since the last call."""
        beat = self.beat.at(heard_frame)
        if beat is not None:
            bar, place = divmod(beat, BEATS_PER_BAR)
            self.tell("beat", bar + 1, place + 1, bar)
        self.tell("scene", scene, number)
        self.tell("coming", coming)
        self.tell("chord", chord)
        self.tell("tempo", round(tempo_bpm, 3))
        now_s = time.monotonic()
        if now_s - self._levels_s >= LEVELS_S:
            self._levels_s = now_s
            self.tell("levels", *(round(max(peak, -200.0), 1) for peak in peaks_db))

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
