"""The host: one chunk, from hand to ear, read from top to bottom in `Host.run`. [control]

    MIDI, live and from a file -> Performance -> Controls           this process
        -> engine process -> ring in shared memory                  `enginelink`, `engine`
             -> player process -> sound card                        `player`
             -> bridge, recorder                                    this process
        -> journal                                                  this process

One thread does all of it; the MIDI link's only queues messages and moves immediate controls. The host computes no
sound, so that an answer to the engine takes well under a millisecond.
"""

from __future__ import annotations

import gc
import time
from collections import Counter, deque
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import numpy as np

from legando.realtime.bridgelink import BridgeLink
from legando.realtime.controlnames import IMMEDIATE
from legando.realtime.controls import Controls
from legando.realtime.display import Display
from legando.realtime.enginelink import EngineProcess, EngineSettings, Made, Past, Ready, Want, prefill_frames
from legando.realtime.exits import EXIT_OK, exit_of
from legando.realtime.hands import Hands
from legando.realtime.immediate import ImmediateControls
from legando.realtime.instrument import Instrument, load_instrument
from legando.realtime.journal import Journal
from legando.realtime.livemessage import LiveMessage
from legando.realtime.meter import Levels, measure, to_db
from legando.realtime.oscfeedback import OscFeedback
from legando.realtime.oscserver import OscServer
from legando.realtime.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.priority import HINT, HOST_PRIORITY, real_time
from legando.realtime.recall import ticks_in
from legando.realtime.render import Frames, RenderFigures
from legando.realtime.report import HostReport
from legando.realtime.ring import PlayerState, ReadStatus, Ring
from legando.realtime.rollout import Rollout, next_candidate
from legando.realtime.schedule import MARGIN_NS, NoteDelay, frames_to_ns, has_a_place
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ, Show
from legando.realtime.spool import Spool
from legando.realtime.status import Status
from legando.realtime.statusmaker import StatusMaker
from legando.realtime.supervise import EngineWatch, PlayerWatch
from legando.realtime.take import Take
from legando.realtime.takefile import open_take
from legando.realtime.version import version
from legando.realtime.wavfile import WavWriter

RECORD_CHUNKS = 750
"""How many chunks may wait for a slow disk: a minute."""
SCORE_TICKS = 128
"""How much of the score another engine is told, in sixteenths: eight bars."""

TURN_S = 0.05
"""How long the host waits for the engine before it looks after everything else."""


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
        record: Path | None = None,
    ) -> None:
        self._show = show
        self._instrument = instrument
        self._display = display
        self._sound = sound
        self._recorder = recorder
        self._journal = journal
        self._record = record
        self._lead_frames = round(show.rig.audio.lead_ms * SAMPLE_RATE_HZ / 1000) + show.rig.audio.block_frames
        self._ready: Ready
        self._figures = RenderFigures(SAMPLE_RATE_HZ, 0)
        self._heard_ns = 0  # when live messages were last taken
        self._delay = NoteDelay()
        self._last: Made | None = None
        self._score: deque[tuple[int, list[int]]] = deque(maxlen=SCORE_TICKS)
        self._told_restarts = 0
        self._rungs: Counter[int] = Counter()  # how many chunks each number of denoising steps has made
        self._steps = 0
        self._passed_frames = 0  # what bridge and recorder have been given
        self._rollout: Rollout | None = None
        self._rolled_restarts = 0
        self._bundle, self._bundle_before = show.bundle, show.bundle
        self._osc: OscServer | None = None
        self._feedback: OscFeedback | None = None
        self._immediate = ImmediateControls(show.rig.bindings, level=show.rig.audio.level)
        self._chord = ""
        self._levels = measure(np.zeros((0, CHANNELS), dtype=np.float32))
        self._shown = StatusMaker(show, lead_frames=self._lead_frames)

    @property
    def chunks_made(self) -> int:
        """How many chunks the engine has reported."""
        return len(self._figures.costs_ns)

    @property
    def level(self) -> float:
        """The level that the player moves towards."""
        return self._ring.level

    @property
    def engine_pid(self) -> int:
        """The process id of the engine of now."""
        return self._engine.pid

    def run(self) -> HostReport:
        """Play the show until its end or Ctrl-C. Raises LegandoError when it cannot start or go on."""
        stopped = EXIT_OK
        with ExitStack() as stack:
            self._open(stack)
            total = self._show.frames
            end_frames = None if total is None else total + self._ready.latency_frames
            try:
                while True:
                    message = self._engine.receive(TURN_S)
                    if isinstance(message, Want):
                        if end_frames is not None and message.position_frames >= end_frames:
                            break
                        if self._take_over(message.position_frames):
                            continue
                        self._hear(message.position_frames)
                        self._steer(message.position_frames)
                    elif isinstance(message, Made):
                        self._account(message)
                        self._pass_on(message)
                    self._engine_watch.check(message, needed=self._player_watch.playing and self._needs_sound())
                    self._player_watch.check()
                    self._look_after_midi()
                    self._look_after_rollout()
                    self._show_state()
                    if self._display.stop_wanted:
                        raise KeyboardInterrupt
                self._play_out()
            except KeyboardInterrupt as stop:
                stopped = exit_of(stop)
                self._ring.request_stop()
            self._take.end()
            if self._player is not None:
                self._player.stop()
            self._display.end()
            return self._report(stopped)

    # Control: from the hands to a snapshot.

    def _hear(self, position_frames: int) -> None:
        """Place live notes all at one delay after they came, without jitter; a knob in the next chunk."""
        sounds_at_ns = self._sounds_at_ns(position_frames)
        self._delay.add(sounds_at_ns - self._heard_ns)
        osc = self._osc.take() if self._osc is not None else ()
        heard_at_ns = sounds_at_ns + self._ring.latency_ns
        programs = self._bridge.take(position_frames=position_frames, sounds_at_ns=heard_at_ns)
        for live in (*self._hands.take(), *osc, *self._display.take(), *programs):
            self._shown.hand(live.message)
            frame = position_frames
            if has_a_place(live.message) or self._performance.has_a_place(live.message):
                frame = self._delay.frame(
                    time_ns=live.time_ns,
                    position_frames=position_frames,
                    sounds_at_ns=sounds_at_ns,
                    sample_rate_hz=SAMPLE_RATE_HZ,
                )
            self._performance.feed(frame, live.message, acted=True)
            if self._journal is not None:
                self._journal.event(frame, live.message)
        lead_ns = self._delay.delay_ns + self._ring.latency_ns
        lead = self._hands.lead_event(lead_ns * SAMPLE_RATE_HZ // 1_000_000_000 + self._ready.latency_frames)
        if lead is not None:
            self._performance.feed(position_frames, lead)
            if self._journal is not None:
                self._journal.event(position_frames, lead)
        self._heard_ns = time.perf_counter_ns()

    def _sounds_at_ns(self, position_frames: int) -> int:
        """Return when a frame to come will be handed to the device; without a player, as late as the lead allows."""
        ring = self._ring
        if self._player is None or ring.player_state is not PlayerState.PLAYING:
            return time.perf_counter_ns() + frames_to_ns(self._lead_frames, SAMPLE_RATE_HZ)
        return ring.played_at_ns + frames_to_ns(position_frames - ring.played_frames, SAMPLE_RATE_HZ)

    def _past(self, position_frames: int) -> Past | None:
        """Return to an engine that has replaced another what that one had written, once."""
        if self._engine_watch.restarts == self._told_restarts or self._last is None:
            return None
        self._told_restarts = self._engine_watch.restarts
        return Past(tick=self._tick_at(position_frames), score=tuple(self._score))

    def _tick_at(self, position_frames: int) -> float:
        """Return where the next chunk begins, in sixteenths: where the engine said, and what passed since."""
        last = self._last
        if last is None:
            return 0.0
        ahead_frames = position_frames - last.position_frames - last.frames
        return last.next_tick + ticks_in(ahead_frames, self._performance.tempo_bpm, SAMPLE_RATE_HZ)

    def _needs_sound(self) -> bool:
        """Say whether the engine should be at work: not while a player that has returned plays what is there."""
        full = prefill_frames(self._lead_frames, self._ready.chunk_frames)
        return self._player is None or self._ring.lead_frames < full

    def _steer(self, position_frames: int) -> None:
        """Answer the engine with the snapshot of this chunk."""
        tick, past = self._tick_at(position_frames), self._past(position_frames)
        controls = self._performance.controls_for_chunk(position_frames, self._ready.chunk_frames, tick)
        self._roll(position_frames, controls)
        self._engine.answer(position_frames, controls, past)
        self._take.answered(position_frames, controls, past)
        self._ring.loop_frames = round(SAMPLE_RATE_HZ * 60.0 / controls.tempo_bpm)
        moved = self._performance.take_moved()  # by files and scripts; hands have acted already
        self._immediate.put(moved)
        for name, value in moved.items():
            self._ring.set_immediate(name, value)
        self._hands.show(self._performance.value_of)

    # Another bundle: in by a cross-fade, and back.

    def _look_after_rollout(self) -> None:
        """Begin what OSC asks for; hear the candidate, and drop it when it failed."""
        for word in self._osc.take_bundles() if self._osc is not None else ():
            self._begin_rollout(word)
        rollout = self._rollout
        if rollout is None:
            return
        rollout.poll()
        if self._engine_watch.restarts != self._rolled_restarts:
            rollout.refused = "the engine had to be replaced meanwhile"
        if rollout.refused is not None:
            self._display.say(f"bundle {rollout.bundle or 'shipped'} is refused: {rollout.refused}; the other plays on")
            self._take.rolled(self._figures.frames, {"dropped": True})
            self._end_rollout()

    def _begin_rollout(self, word: str) -> None:
        candidates = [self._show.rig.path(name) for name in self._show.rig.engine.candidates]
        wanted = self._bundle_before if word == "back" else next_candidate(candidates, self._bundle, word)
        if self._rollout is not None or wanted == self._bundle:
            self._display.say("no other bundle comes in: one is on its way, or there is none in [engine] candidates")
            return
        self._rolled_restarts = self._engine_watch.restarts
        self._rollout = Rollout(self._engine, self._ready, wanted)
        self._display.say(f"bundle {wanted or 'shipped'} is being tried")

    def _roll(self, position_frames: int, controls: Controls) -> None:
        """Let a candidate follow, and the engine of now mix it in once it keeps pace."""
        rollout = self._rollout
        if rollout is None:
            return
        past = Past(tick=self._tick_at(position_frames), score=tuple(self._score))
        mix = rollout.steer(position_frames, controls, past)
        if mix is not None:
            self._engine.tell({"mix": asdict(mix)})
        for news in rollout.news:
            self._take.rolled(position_frames, news)
        rollout.news.clear()

    def _take_over(self, position_frames: int) -> bool:
        """Give the place of the engine to the candidate when the fade is over."""
        rollout = self._rollout
        if rollout is None or not rollout.due(position_frames):
            return False
        rollout.candidate.tell({"main": self._ring.name})
        self._engine.adopt(rollout.candidate, rollout.settings)
        self._bundle_before, self._bundle = self._bundle, rollout.bundle
        self._display.say(f"bundle {rollout.bundle or 'shipped'} plays")
        self._take.rolled(position_frames, {"main": True})
        self._end_rollout()
        return True

    def _end_rollout(self) -> None:
        if self._rollout is not None:
            self._rollout.close()
            self._rollout = None

    def _act(self, live: LiveMessage) -> None:
        """Let immediate controls act at the next audio block, ahead of their chunk. On the MIDI link's thread."""
        for name, value in self._immediate.feed(live.message).items():
            self._ring.set_immediate(name, value)

    def _act_named(self, name: str, value: float) -> None:
        """The same for a control that OSC or a key names. On the OSC server's or the screen's thread."""
        if name in IMMEDIATE:
            self._immediate.put({name: value})
            self._ring.set_immediate(name, value)

    # Audio: from the ring to whoever listens.

    def _account(self, made: Made) -> None:
        self._chord = made.chord
        self._shown.made(made)
        self._hands.begins(made.position_frames, made.tick)
        self._figures.costs_ns.append(made.cost_ns)
        self._figures.frames = made.position_frames + made.frames
        self._last = made
        self._score += made.score
        self._take.reported(made)
        if made.mixed is False and self._rollout is not None:
            self._rollout.refused = "it fell behind during the fade"
        if self._feedback is not None:
            self._feedback.beat.made(made.position_frames, made.tick, made.frames, made.next_tick)
        performance, ring = self._performance, self._ring
        self._bridge.tell_chunk(
            made, tempo_bpm=performance.tempo_bpm, following=performance.follows, value_of=performance.value_of
        )
        self._bridge.tell_budget(
            made,
            lead_frames=ring.lead_frames,
            full_steps=self._ready.steps,
            underruns=ring.underruns,
            xruns=ring.xruns,
        )
        self._rungs[made.steps] += 1
        self._steps = made.steps
        if made.steps != self._ready.steps and self._journal is not None:
            self._journal.rung(made.position_frames, made.steps)

    def _pass_on(self, made: Made) -> None:
        """Give what is new in the ring to the bridge and the recorder, before the level."""
        if not self._bridge.publishes and self._recorder is None and not self._take.wanted:
            return
        block: Frames = np.empty((made.frames, CHANNELS), dtype=np.float32)
        while (status := self._ring.read_into(block, self._passed_frames)) is not ReadStatus.EMPTY:
            if status is ReadStatus.LOST:  # the host stood still for a whole ring; subscribers see the gap
                self._passed_frames = made.position_frames
                continue
            if self._bridge.publishes:
                self._bridge.publish(block, self._passed_frames, self._ring.written_at_ns)
            if self._player is None:
                self._levels = measure(block)
            if self._recorder is not None:
                total = self._show.frames
                keep = len(block) if total is None else min(len(block), total - self._recorder.frames)
                self._recorder.write(block[: max(0, keep)])
            self._take.sound(self._passed_frames, block)
            self._passed_frames += len(block)

    def _play_out(self) -> None:
        """End the engine, and let the player play what is in the ring."""
        self._engine.stop()  # it would go on with the last snapshot otherwise
        self._ring.finish()
        while not self._player_watch.done:
            self._show_state()
            if self._display.stop_wanted:
                raise KeyboardInterrupt
            time.sleep(0.02)

    # Before and after.

    def _open(self, stack: ExitStack) -> None:
        """Start everything, in the order of the signal; what is open closes with the stack."""
        rig = self._show.rig
        stack.callback(self._display.end)
        self._display.wait_for("reading the model")
        self._ring = stack.enter_context(Ring.create(sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS))
        self._ring.level = rig.audio.level
        self._engine = stack.enter_context(EngineProcess(self._engine_settings()))
        self._bridge = BridgeLink(rig, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS)
        stack.callback(self._bridge.close)
        # Reading the prompts takes a moment, in which the engine warms up.
        instrument = load_instrument(self._instrument, self._show.bundle)
        self._performance = self._show.performance(instrument)
        self._hands = self._open_hands(stack)
        self._open_osc(stack)
        stack.callback(self._end_rollout)
        self._engine_watch = EngineWatch(self._engine, self._ring, self._display)
        self._ready = self._engine_watch.wait_until_ready()
        self._figures.chunk_frames = self._ready.chunk_frames
        self._take = self._open_take(stack, instrument)
        self._player = self._start_player(stack)
        self._player_watch = PlayerWatch(self._player, self._ring, self._display)
        if self._player is not None:
            self._hands.start_clock(self._ring.name, latency_frames=self._ready.latency_frames)
        self._heard_ns = time.perf_counter_ns()
        self._shown.ready(self._ready, bundle=instrument.name, device=self._where())
        self._display.listen(self._act_named)
        self._bridge.open_control(self._act_named, latency_frames=self._ready.latency_frames)
        self._priority = real_time(HOST_PRIORITY)
        gc.freeze()  # what is there stays; no long collection later
        self._announce()

    def _engine_settings(self) -> EngineSettings:
        rig = self._show.rig
        return EngineSettings(
            ring=self._ring.name,
            instrument=self._instrument,
            bundle=str(self._show.bundle) if self._show.bundle is not None else None,
            seed=rig.engine.seed,
            chunk_latents=rig.engine.chunk_latents,
            steps=rig.engine.steps,
            eco=rig.engine.eco,
            lead_frames=self._lead_frames,
            paced_by="player" if self._sound else "clock",
        )

    def _open_hands(self, stack: ExitStack) -> Hands:
        hands = Hands(self._show.rig, on_message=self._act)
        stack.callback(hands.close)
        missing = hands.open()
        for sentence in [missing] if missing is not None else list(hands.take_news()):
            self._display.say(sentence)
        return hands

    def _open_osc(self, stack: ExitStack) -> None:
        rig = self._show.rig
        if rig.osc.listen:
            self._osc = OscServer(rig.osc, [scene.name for scene in rig.scenes], self._act_named)
            stack.callback(self._osc.close)
        if rig.osc.feedback:
            self._feedback = OscFeedback(rig.osc.feedback)
            stack.callback(self._feedback.close)

    def _open_take(self, stack: ExitStack, instrument: Instrument) -> Take:
        """Say in the journal and in the recording what they are made of."""
        about = {
            "instrument": self._instrument,
            "bundle": str(self._show.bundle or ""),
            "bundle_name": instrument.name,
            "bundle_sha256": instrument.hash,
            "engine": self._ready.engine,
            "legando": version(),
            "seed": self._show.rig.engine.seed,
            "chunk_latents": self._show.rig.engine.chunk_latents,
            "steps": self._show.rig.engine.steps,
            "eco": self._show.rig.engine.eco,
            "chunk_frames": self._ready.chunk_frames,
            "journal": self._journal.path.name if self._journal is not None else "",
        }
        if self._journal is not None:
            self._journal.about(about)
        recording = None
        if self._record is not None:
            store = open_take(self._record, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, about=about)
            recording = Spool(store, most=RECORD_CHUNKS)
            stack.callback(recording.close)
        return Take(self._journal, recording, steps=self._ready.steps)

    def _start_player(self, stack: ExitStack) -> PlayerProcess | None:
        if not self._sound:
            return None
        audio = self._show.rig.audio
        settings = PlayerSettings(
            device=audio.device or None,
            host_api=audio.host_api or None,
            block_frames=audio.block_frames,
            prefill_frames=prefill_frames(self._lead_frames, self._ready.chunk_frames),
            max_lead_frames=2 * prefill_frames(self._lead_frames, self._ready.chunk_frames),
        )
        player = stack.enter_context(PlayerProcess(self._ring.name, settings))
        player.start()
        return player

    def _where(self) -> str:
        """Return the sound device's name; empty without one."""
        ready = self._player.ready if self._player is not None else None
        return f"{ready.device} ({ready.host_api})" if ready is not None else ""

    def _announce(self) -> None:
        parts = [f"on {self._where()}"] if self._where() else []
        if self._bridge.endpoints:
            parts.append(f"at {' and '.join(self._bridge.endpoints)}")
        if self._hands.names:
            parts.append(f"with {', '.join(self._hands.names)}")
        self._display.say(f"playing {', '.join(parts)}; Ctrl-C stops")
        if self._player is not None and not all(self._real_time().values()):
            self._display.say(HINT)

    def _look_after_midi(self) -> None:
        """Say what has happened to ports; those of a sound server that was lost are opened on the new one."""
        for sentence in self._hands.take_news():
            self._display.say(sentence)
        player = self._player
        if player is not None and player.alive and player.lost_device:
            player.lost_device = False
            self._hands.sound_server_was_replaced()

    def _show_state(self) -> None:
        for sentence in (*self._take.take_errors(), *(self._osc.take_news() if self._osc is not None else ())):
            self._display.say(sentence)
        if self._player is not None:
            peaks = tuple(to_db(peak) for peak in self._ring.peaks)
            self._levels = Levels(peak_db=peaks, rms_db=peaks)
        self._tell_osc()
        self._bridge.tell_levels(self._levels)
        self._bridge.tell_scene(self._performance.scene_index, self._performance.scene.name)
        self._display.show_live(self._levels, self._status)

    def _status(self) -> Status:
        """Return what a screen shows."""
        written = self._recorder.seconds if self._recorder is not None else None
        return self._shown.status(
            ring=self._ring,
            performance=self._performance,
            levels=self._levels,
            playing=self._player is not None,
            played_s=self._played_s(),
            ports=self._hands.names,
            restarts=(self._engine_watch.restarts, self._player_watch.restarts),
            recorded_s=self._played_s() if self._record is not None else written,
        )

    def _tell_osc(self) -> None:
        """Tell whoever wants to know by OSC what is heard now."""
        if self._feedback is None:
            return
        ring, performance = self._ring, self._performance
        delay_ns = ring.latency_ns if self._player is not None else 0
        heard = ring.played_frames if self._player is not None else ring.written_frames - self._lead_frames
        self._feedback.show(
            heard_frame=heard - self._ready.latency_frames - delay_ns * SAMPLE_RATE_HZ // 1_000_000_000,
            scene=performance.scene.name,
            number=performance.scene_index + 1,
            coming=performance.coming.name if performance.coming is not None else "",
            chord=self._chord,
            tempo_bpm=performance.tempo_bpm,
            peaks_db=self._levels.peak_db,
        )

    def _real_time(self) -> dict[str, int]:
        """Return the real-time priority of each process, 0 where it has none."""
        ready = self._player.ready if self._player is not None else None
        return {"host": self._priority, "engine": self._ready.priority, "player": ready.priority if ready else 0}

    def _played_s(self) -> float:
        return self._figures.seconds if self._player is None else self._ring.played_frames / SAMPLE_RATE_HZ

    def _report(self, stopped: int) -> HostReport:
        latency = {
            "chunk": self._figures.chunk_ms,
            "compute": self._figures.compute_ms()["p99"],
            "margin": MARGIN_NS / 1e6,
            "lead": 1000.0 * self._lead_frames / SAMPLE_RATE_HZ,
            "codec": 1000.0 * self._ready.latency_frames / SAMPLE_RATE_HZ,
            "device": self._ring.latency_ns / 1e6,
        }
        latency["sum"] = sum(latency.values())
        return HostReport(
            seconds=self._played_s(),
            figures=self._figures,
            engine=self._ready.engine,
            latency_ms={name: round(value, 3) for name, value in latency.items()},
            underruns=self._ring.underruns,
            concealed_frames=self._ring.concealed_frames,
            xruns=self._ring.xruns,
            skipped_frames=self._ring.skipped_frames,
            steps=dict(sorted(self._rungs.items(), reverse=True)),
            full_steps=self._ready.steps,
            real_time=self._real_time(),
            engine_restarts=self._engine_watch.restarts,
            player_restarts=self._player_watch.restarts,
            stopped=stopped,
        )
