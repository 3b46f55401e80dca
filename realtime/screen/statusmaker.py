"""What the host knows, put together as a status for the screen. [control]

Told of each chunk and each message of a hand as they come, asked twelve times a second; a status takes well under a
millisecond, since it is made on the host's own thread.
"""

from __future__ import annotations

import time

from legando.realtime.enginelink import Made, Ready
from legando.realtime.performing.performance import Performance
from legando.realtime.ring import PlayerState, Ring
from legando.realtime.schedule import MARGIN_NS, CostWindow
from legando.realtime.screen.meter import Levels
from legando.realtime.screen.status import SHOWN, Heard, Place, Status, heard_frame
from legando.realtime.show import SAMPLE_RATE_HZ, Show


class StatusMaker:
    """Owned by the host's thread."""

    def __init__(self, show: Show, *, lead_frames: int) -> None:
        self._show = show
        self._lead_frames = lead_frames
        self._heard = Heard(SAMPLE_RATE_HZ)
        self._costs = CostWindow()
        self._ready: Ready | None = None
        self._made: Made | None = None
        self._bundle = self._device = ""
        self._midi = b""
        self._midi_count = 0
        bindings = show.rig.bindings
        self._bound = {str(binding.origin): binding.control for binding in bindings}

    def ready(self, ready: Ready, *, bundle: str, device: str) -> None:
        """Say what plays, and where."""
        self._ready, self._bundle, self._device = ready, bundle, device

    def made(self, made: Made) -> None:
        """Take in one more chunk."""
        self._made = made
        if not made.opens:
            self._costs.add(made.cost_ns)
        self._heard.add(Place(frame=made.position_frames, tick=made.tick, chord=made.chord, section=made.section))

    def hand(self, message: bytes) -> None:
        """Take in one more message of a controller; clocks and the like do not count."""
        if message and message[0] < 0xF0:
            self._midi, self._midi_count = message, self._midi_count + 1

    def heard_frame(self, ring: Ring, *, playing: bool) -> float:
        """Return which frame of the music is heard now. `playing` says that a player empties the ring."""
        codec = self._ready.latency_frames if self._ready is not None else 0
        if not playing or ring.player_state is not PlayerState.PLAYING:
            return float(ring.written_frames - self._lead_frames - codec)
        return heard_frame(
            now_ns=time.perf_counter_ns(),
            played_frames=ring.played_frames,
            played_at_ns=ring.played_at_ns,
            latency_ns=ring.latency_ns,
            codec_frames=codec,
            rate_hz=SAMPLE_RATE_HZ,
        )

    def status(
        self,
        *,
        ring: Ring,
        performance: Performance,
        levels: Levels,
        playing: bool,
        played_s: float,
        ports: tuple[str, ...],
        restarts: tuple[int, int],
        recorded_s: float | None,
    ) -> Status:
        """Return where the run is now. `playing` says that a player empties the ring."""
        now_ns = time.perf_counter_ns()
        tempo_bpm = performance.tempo_bpm
        ready, made = self._ready, self._made
        chunk_ms = 1000.0 * ready.chunk_frames / SAMPLE_RATE_HZ if ready is not None else 0.0
        codec = ready.latency_frames if ready is not None else 0
        place = self._heard.at(max(0.0, self.heard_frame(ring, playing=playing)), tempo_bpm)
        coming = performance.coming
        engine = self._show.rig.engine
        held = performance.section
        return Status(
            time_ns=now_ns,
            scenes=tuple(scene.name for scene in performance.scenes),
            scene=performance.scene_index,
            coming=coming.name if coming is not None else "",
            chord=place.chord,
            section=held or place.section,
            section_held=held is not None,
            key=performance.key or "",
            tempo_bpm=tempo_bpm,
            tick=place.tick,
            played_s=played_s,
            total_s=self._show.seconds,
            peak_db=levels.peak_db,
            values={name: performance.value_of(name) for name in SHOWN},
            latency_ms={
                "chunk": chunk_ms,
                "compute": self._costs.p99_ns / 1e6,
                "margin": MARGIN_NS / 1e6,
                "lead": 1000.0 * self._lead_frames / SAMPLE_RATE_HZ,
                "codec": 1000.0 * codec / SAMPLE_RATE_HZ,
                "device": ring.latency_ns / 1e6,
            },
            slack_ms=chunk_ms - (self._costs.p99_ns + MARGIN_NS) / 1e6,
            chunk_ms=chunk_ms,
            steps=made.steps if made is not None else 0,
            full_steps=ready.steps if ready is not None else 0,
            eco=engine.eco,
            underruns=ring.underruns,
            xruns=ring.xruns,
            concealed_ms=1000.0 * ring.concealed_frames / SAMPLE_RATE_HZ,
            engine_restarts=restarts[0],
            player_restarts=restarts[1],
            midi_ports=ports,
            midi=self._midi.hex(),
            midi_count=self._midi_count,
            bound=self._bound,
            device=self._device,
            bundle=self._bundle,
            engine=ready.engine if ready is not None else "",
            seed=performance.seed,
            coming_seed=performance.coming_seed,
            recorded_s=recorded_s,
        )
