"""The host: one chunk, from hand to ear, read from top to bottom in `Host.run`. [control]

    MIDI, live and from a file -> Performance -> Controls           this process
        -> engine process -> ring in shared memory                  `enginelink`, `engine`
             -> player process -> sound card                        `player`
             -> bridge, recorder                                    this process
        -> journal                                                  this process

One thread does all of it; RtMidi's thread only queues messages and moves the level. The host computes no sound, so that
an answer to the engine takes well under a millisecond.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from legando.bridge.publisher import Publisher
from legando.realtime.display import Display
from legando.realtime.enginelink import (
    EngineProcess,
    EngineSettings,
    Failed,
    Made,
    Message,
    Ready,
    Want,
    prefill_frames,
)
from legando.realtime.errors import DeviceError, LegandoError
from legando.realtime.instrument import load_instrument
from legando.realtime.journal import Journal
from legando.realtime.meter import Levels, to_db
from legando.realtime.midi import LiveMessage, MidiInput, NoMidiSystemError
from legando.realtime.performance import Performance
from legando.realtime.player import PlayerProcess, PlayerSettings
from legando.realtime.render import Frames, RenderFigures
from legando.realtime.ring import PlayerState, ReadStatus, Ring
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ, Show
from legando.realtime.wavfile import WavWriter

READY_TIMEOUT_S = 60.0
HANG_S = 2.0
"""An engine that says nothing for so long, while the player needs it, is replaced."""

RESTARTS_MAX = 5
PLAYER_RETRY_S = 1.0
PLAYER_GIVE_UP_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What a run came to."""

    seconds: float
    figures: RenderFigures
    engine: str
    latency_ms: dict[str, float]
    underruns: int
    concealed_frames: int
    xruns: int
    engine_restarts: int
    player_restarts: int
    interrupted: bool


class Host:
    """Runs one show. `sound` opens the sound device; without it the clock paces the engine."""

    def __init__(
        self,
        show: Show,
        *,
        instrument: str,
        display: Display,
        sound: bool = True,
        recorder: WavWriter | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._show = show
        self._instrument = instrument
        self._display = display
        self._sound = sound
        self._recorder = recorder
        self._journal = journal
        self._lead_frames = round(show.rig.audio.lead_ms * SAMPLE_RATE_HZ / 1000) + show.rig.audio.block_frames
        self._ready: Ready | None = None
        self._figures = RenderFigures(SAMPLE_RATE_HZ, 0)
        self._heard_ns = time.perf_counter_ns()
        self._alive_ns = 0  # when the engine last said something, or had no reason to
        self._passed_frames = 0  # what bridge and recorder have been given
        self._level = show.rig.audio.level
        self._last_made: Made | None = None
        self._engine_ready = False
        self._engine_restarts = 0
        self._player_restarts = 0
        self._player_retry_ns = 0
        self._silent_since_ns = 0

    @property
    def chunks_made(self) -> int:
        """How many chunks the engine has reported."""
        return len(self._figures.costs_ns)

    @property
    def engine_pid(self) -> int:
        """The process id of the engine of now, 0 before it runs."""
        return self._engine.pid

    def run(self) -> HostReport:
        """Play the show until its end or Ctrl-C. Raises LegandoError when it cannot start or go on."""
        rig = self._show.rig
        interrupted = False
        with ExitStack() as stack:
            self._ring = stack.enter_context(Ring.create(sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS))
            self._ring.level = self._level
            self._engine = stack.enter_context(EngineProcess(self._engine_settings()))
            self._bridge = self._open_bridge(stack)
            self._performance = self._load_performance()  # while the engine warms up
            self._midi = self._open_midi(stack)
            self._wait_until_ready()
            assert self._ready is not None
            self._player = self._start_player(stack)
            self._announce()
            end_frames = None if self._show.frames is None else self._show.frames + self._ready.latency_frames
            try:
                while True:
                    message = self._engine.receive(0.05)
                    if isinstance(message, Want):
                        if end_frames is not None and message.position_frames >= end_frames:
                            break
                        self._hear(message.position_frames)
                        self._steer(message.position_frames)
                    elif isinstance(message, Made):
                        self._account(message)
                        self._pass_on(message)
                    self._watch_engine(message)
                    self._watch_player()
                    self._show_state()
                self._play_out()
            except KeyboardInterrupt:
                interrupted = True
                self._ring.request_stop()
            if self._player is not None:
                self._player.stop()
            self._display.end()
            return self._report(rig.audio.lead_ms, interrupted)

    # Control: from the hands to a snapshot.

    def _hear(self, position_frames: int) -> None:
        """Place live messages in the chunk as they came, one chunk later: the same delay for each, and so no jitter."""
        assert self._ready is not None
        last_frame = self._ready.chunk_frames - 1
        for live in self._midi.take():
            offset = (live.time_ns - self._heard_ns) * SAMPLE_RATE_HZ // 1_000_000_000
            frame = position_frames + min(max(offset, 0), last_frame)
            self._performance.feed(frame, live.message)
            if self._journal is not None:
                self._journal.event(frame, live.message)
        self._heard_ns = time.perf_counter_ns()
        if self._journal is not None:
            self._journal.chunk()

    def _steer(self, position_frames: int) -> None:
        """Answer the engine with the snapshot of this chunk."""
        assert self._ready is not None
        controls = self._performance.controls_for_chunk(position_frames, self._ready.chunk_frames)
        self._engine.answer(position_frames, controls)
        if self._performance.level != self._level:
            self._level = self._ring.level = self._performance.level

    def _move_level(self, live: LiveMessage) -> None:
        """Let a level knob act at the next audio block, ahead of its chunk. On RtMidi's thread."""
        level = self._performance.level_of(live.message)
        if level is not None:
            self._ring.level = level

    # Audio: from the ring to whoever listens.

    def _pass_on(self, made: Made) -> None:
        """Give what is new in the ring to the bridge and the recorder, before the level."""
        if self._bridge is None and self._recorder is None:
            return
        block: Frames = np.empty((made.frames, CHANNELS), dtype=np.float32)
        self._passed_frames = max(self._passed_frames, made.position_frames)
        while self._ring.read_into(block, self._passed_frames) is ReadStatus.OK:
            if self._bridge is not None:
                self._bridge.publish(block, self._passed_frames, self._ring.written_at_ns)
            if self._recorder is not None:
                total = self._show.frames
                keep = len(block) if total is None else max(0, min(len(block), total - self._recorder.frames))
                self._recorder.write(block[:keep])
            self._passed_frames += len(block)

    def _account(self, made: Made) -> None:
        self._last_made = made
        self._figures.costs_ns.append(made.cost_ns)
        self._figures.frames = made.position_frames + made.frames

    # Supervision.

    def _watch_engine(self, message: Message | None) -> None:
        """Replace an engine that died or hangs; the player conceals meanwhile."""
        reason = ""
        now_ns = time.perf_counter_ns()
        patience_s = HANG_S if self._engine_ready else READY_TIMEOUT_S
        waits = self._sound and self._ring.player_state not in (PlayerState.PLAYING, PlayerState.STARVED)
        if isinstance(message, Failed):
            if message.fatal:
                raise LegandoError(message.sentence)
            reason = message.sentence
        elif message is not None or waits:
            self._alive_ns = now_ns
            self._engine_ready = self._engine_ready or message is not None
        elif now_ns - self._alive_ns > patience_s * 1e9:
            reason = f"the engine said nothing for {patience_s:g} s"
        if reason:
            self._engine_restarts += 1
            if self._engine_restarts > RESTARTS_MAX:
                raise LegandoError(f"the engine failed {self._engine_restarts} times; the last time {reason}")
            self._display.say(f"{reason}; starting another")
            self._engine.restart()
            self._alive_ns, self._engine_ready = now_ns, False

    def _watch_player(self) -> None:
        """Replace a player that died or lost its device, until the device is back."""
        if self._player is None or self._player.alive:
            self._silent_since_ns = 0
            return
        now_ns = time.perf_counter_ns()
        if not self._silent_since_ns:
            self._silent_since_ns = now_ns
            self._display.say(self._player.end or "the player ended; starting another")
        if now_ns < self._player_retry_ns:
            return
        self._player_restarts += 1
        try:
            self._player.restart(timeout_s=3.0)
        except DeviceError as error:
            if now_ns - self._silent_since_ns > PLAYER_GIVE_UP_S * 1e9:
                raise DeviceError(f"no sound for {PLAYER_GIVE_UP_S:g} s: {error}") from error
            self._player_retry_ns = now_ns + round(PLAYER_RETRY_S * 1e9)

    def _play_out(self) -> None:
        """Let the player play what is in the ring."""
        self._ring.finish()
        while self._player is not None and self._player.alive:
            if self._ring.player_state is PlayerState.STOPPED:
                return
            self._show_state()
            time.sleep(0.02)

    # Before and after.

    def _engine_settings(self) -> EngineSettings:
        rig = self._show.rig
        return EngineSettings(
            ring=self._ring.name,
            instrument=self._instrument,
            bundle=str(self._show.bundle) if self._show.bundle is not None else None,
            seed=rig.engine.seed,
            chunk_latents=rig.engine.chunk_latents,
            steps=rig.engine.steps,
            lead_frames=self._lead_frames,
            paced_by="player" if self._sound else "clock",
        )

    def _open_bridge(self, stack: ExitStack) -> Publisher | None:
        bridge = self._show.rig.bridge
        if not bridge.publish:
            return None
        return stack.enter_context(
            Publisher(bridge.publish, stream=bridge.stream, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
        )

    def _load_performance(self) -> Performance:
        return self._show.performance(load_instrument(self._instrument, self._show.bundle))

    def _open_midi(self, stack: ExitStack) -> MidiInput:
        rig = self._show.rig.midi
        midi = MidiInput(on_message=self._move_level)
        stack.callback(midi.close)
        try:
            midi.open(rig)
        except NoMidiSystemError as error:
            if rig.virtual_input or any(name != "*" for name in rig.inputs):
                raise
            self._display.say(f"no live MIDI: {error}")
        return midi

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            message = self._engine.receive(0.2)
            if isinstance(message, Failed):
                raise LegandoError(message.sentence)
            if isinstance(message, Ready):
                self._ready = message
                self._figures.chunk_frames = message.chunk_frames
                self._heard_ns = self._alive_ns = time.perf_counter_ns()
                self._engine_ready = True
                return
        raise LegandoError(f"the engine was not ready after {READY_TIMEOUT_S:g} s; is the machine very busy?")

    def _start_player(self, stack: ExitStack) -> PlayerProcess | None:
        assert self._ready is not None
        if not self._sound:
            return None
        audio = self._show.rig.audio
        settings = PlayerSettings(
            device=audio.device or None,
            host_api=audio.host_api or None,
            block_frames=audio.block_frames,
            prefill_frames=prefill_frames(self._lead_frames, self._ready.chunk_frames),
        )
        player = stack.enter_context(PlayerProcess(self._ring.name, settings))
        player.start()
        return player

    def _announce(self) -> None:
        assert self._ready is not None
        parts = [self._ready.engine]
        if self._player is not None and self._player.ready is not None:
            parts.append(f"{self._player.ready.device} ({self._player.ready.host_api})")
        if self._bridge is not None:
            parts.append(f"bridge {self._bridge.endpoint}")
        if self._midi.names:
            parts.append(f"MIDI {', '.join(self._midi.names)}")
        self._display.say("playing: " + "; ".join(parts) + "; Ctrl-C stops")

    def _show_state(self) -> None:
        made = self._last_made
        if made is None:
            return
        if self._player is not None:
            peaks = tuple(to_db(peak) for peak in self._ring.peaks)
            played = self._ring.played_frames
        else:
            peaks, played = (to_db(0.0),) * CHANNELS, self._figures.frames
        tempo = self._performance.tempo_bpm
        text = f"{self._performance.scene.name}  {made.chord:6}  {tempo:5.1f} bpm"
        if faults := self._ring.underruns + self._ring.xruns:
            text += f"  {faults} drop-outs"
        self._display.show_live(
            Levels(peak_db=peaks, rms_db=peaks),
            text=text,
            played_s=played / SAMPLE_RATE_HZ,
            total_s=self._show.seconds,
        )

    def _report(self, lead_ms: float, interrupted: bool) -> HostReport:
        assert self._ready is not None
        compute = self._figures.compute_ms()
        latency = {
            "chunk": 1000.0 * self._ready.chunk_frames / SAMPLE_RATE_HZ,
            "compute": compute["p99"],
            "lead": lead_ms + 1000.0 * self._show.rig.audio.block_frames / SAMPLE_RATE_HZ,
            "codec": 1000.0 * self._ready.latency_frames / SAMPLE_RATE_HZ,
            "device": self._ring.latency_ns / 1e6,
        }
        latency["sum"] = sum(latency.values())
        return HostReport(
            seconds=self._figures.seconds,
            figures=self._figures,
            engine=self._ready.engine,
            latency_ms={name: round(value, 3) for name, value in latency.items()},
            underruns=self._ring.underruns,
            concealed_frames=self._ring.concealed_frames,
            xruns=self._ring.xruns,
            engine_restarts=self._engine_restarts,
            player_restarts=self._player_restarts,
            interrupted=interrupted,
        )
