"""The host: one chunk, from hand to ear, read from top to bottom in `Host.run`. [control]

    MIDI, OSC, keys, programs -> Performance -> Controls            `hearing`, `performance`
        -> engine process -> ring in shared memory                  `enginelink`, `engine`
             -> player process -> sound card                        `player`
             -> bridge, recorder, take                              `outlet`
        -> screen, OSC feedback, programs, report                   `telling`

`outfit` opens all of it. One thread does all that is done in this process; those of the links only queue messages and
move immediate controls. The host computes no sound, so that an answer to the engine takes well under a millisecond.
"""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from legando.realtime.enginelink import Made, Want
from legando.realtime.exits import EXIT_OK, exit_of
from legando.realtime.hearing import Hearing
from legando.realtime.midi.channels import Channels
from legando.realtime.midi.voices import Voices
from legando.realtime.outfit import Outfit
from legando.realtime.outlet import Outlet
from legando.realtime.recording.journal import Journal
from legando.realtime.recording.kept import Kept, kept_sound
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.render import RenderFigures
from legando.realtime.report import HostReport
from legando.realtime.screen.display import Display
from legando.realtime.show import SAMPLE_RATE_HZ, Show
from legando.realtime.telling import Telling
from legando.realtime.written import Written

TURN_S = 0.05
"""How long the host waits for the engine before it looks after everything else."""


class Host:
    """Runs one show, once. `sound` opens the sound device; without it the clock paces the engine."""

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
        self._figures = RenderFigures(SAMPLE_RATE_HZ, 0)
        self._written = Written(SAMPLE_RATE_HZ)
        self._voices, self._channels = Voices(), Channels()
        self._outfit: Outfit  # from here on as `run` opens it
        self._hearing: Hearing
        self._outlet: Outlet
        self._telling: Telling

    @property
    def chunks_made(self) -> int:
        """How many chunks the engine has reported."""
        return len(self._figures.costs_ns) + (self._figures.frames > 0)  # the first one's cost is no measure

    @property
    def about(self) -> dict[str, Any]:
        """What the sound was made of, once it plays."""
        return self._outfit.about

    @property
    def kept(self) -> list[Kept]:
        """What was recorded, once the run has ended."""
        out = self._outfit
        recorded = [kept_sound("record", self._record, out.take.failure)] if self._record is not None else []
        return recorded + out.takes.kept

    @property
    def level(self) -> float:
        """The level that the player moves towards."""
        return self._outfit.ring.level

    @property
    def engine_pid(self) -> int:
        """The process id of the engine of now."""
        return self._outfit.engine.pid

    def run(self) -> HostReport:
        """Play the show until its end or Ctrl-C. Raises LegandoError when it cannot start or go on."""
        stopped = EXIT_OK
        with ExitStack() as stack:
            self._open(stack)
            out = self._outfit
            total = self._show.frames
            end_frames = None if total is None else total + out.ready.latency_frames
            try:
                while True:
                    message = out.engine.receive(TURN_S)
                    if isinstance(message, Want):
                        if end_frames is not None and message.position_frames >= end_frames:
                            break
                        if out.rollouts.take_over(message.position_frames):
                            out.rolled_in(message.position_frames)
                            continue
                        self._hearing.hear(message.position_frames)
                        self._steer(message.position_frames)
                    elif isinstance(message, Made):
                        self._account(message)
                        self._outlet.pass_on(message)
                    out.engine_watch.check(message, needed=out.player_watch.playing and self._needs_sound())
                    out.player_watch.check()
                    self._look_after_midi()
                    self._look_after_rollouts()
                    self._telling.show()
                    if self._display.take_record_pressed():
                        out.takes.toggle(out.ring.written_frames)
                    if self._display.stop_wanted:
                        raise KeyboardInterrupt
                self._play_out()
            except KeyboardInterrupt as stop:
                stopped = exit_of(stop)
                out.ring.request_stop()
            out.take.end()
            out.takes.close()
            for sentence in out.takes.take_news():
                self._display.say(sentence)
            if out.player is not None:
                out.player.stop()
            self._display.end()
            return self._telling.report(stopped)

    def _open(self, stack: ExitStack) -> None:
        """Open everything; what is open closes with the stack."""
        self._outfit = Outfit(
            stack,
            self._show,
            instrument=self._instrument,
            display=self._display,
            sound=self._sound,
            recorder=self._recorder,
            journal=self._journal,
            record=self._record,
        )
        self._figures.chunk_frames = self._outfit.ready.chunk_frames
        self._outlet = Outlet(self._outfit)
        self._telling = Telling(self._outfit, self._outlet, self._figures)
        self._hearing = Hearing(self._outfit, self._telling.shown)
        self._telling.messages = self._hearing.counts
        gc.freeze()  # what is there stays; no long collection later
        self._telling.announce()

    def _steer(self, position_frames: int) -> None:
        """Answer the engine with the snapshot of this chunk."""
        out, performance, written = self._outfit, self._outfit.performance, self._written
        tick = written.tick_at(position_frames, performance.tempo_bpm)
        past = written.past_after(out.engine_watch.restarts, position_frames, performance.tempo_bpm)
        controls = performance.controls_for_chunk(position_frames, out.ready.chunk_frames, tick)
        if performance.wants_keep:
            self._hearing.keep()
        self._telling.marks.steered(position_frames)
        out.rollouts.steer(position_frames, controls, written.past(position_frames, performance.tempo_bpm))
        out.engine.answer(position_frames, controls, past)
        out.take.answered(position_frames, controls, past)
        out.ring.loop_frames = round(SAMPLE_RATE_HZ * 60.0 / controls.tempo_bpm)
        out.immediate.put(performance.take_moved())  # by files and scripts; hands have acted already
        out.hands.show(performance.value_of)

    def _account(self, made: Made) -> None:
        """Let everybody know who must know of a chunk."""
        out = self._outfit
        self._written.made(made)
        out.hands.begins(made.position_frames, made.tick)
        changes = self._voices.made(made.position_frames, made.struck, made.held)
        out.hands.play(made.position_frames, changes)
        out.bridge.play(made.position_frames, self._channels.feed(changes))
        out.take.reported(made)
        out.rollouts.made(made)
        self._telling.made(made)
        if made.steps != out.ready.steps and self._journal is not None:
            self._journal.rung(made.position_frames, made.steps)

    def _needs_sound(self) -> bool:
        """Say whether the engine should be at work: not while a player that has returned plays what is there."""
        out = self._outfit
        return out.player is None or out.ring.lead_frames < out.prefill_frames

    def _look_after_midi(self) -> None:
        """Say what has happened to ports; those of a sound server that was lost are opened on the new one."""
        out = self._outfit
        for sentence in out.hands.take_news():
            self._display.say(sentence)
        if out.player is not None and out.player.alive and out.player.lost_device:
            out.player.lost_device = False
            out.hands.sound_server_was_replaced()

    def _look_after_rollouts(self) -> None:
        """Try the bundles that OSC asks for, and drop one that fails."""
        out = self._outfit
        for word in out.osc.take_bundles() if out.osc is not None else ():
            out.rollouts.begin(word, restarts=out.engine_watch.restarts)
        out.rollouts.look_after(self._figures.frames, restarts=out.engine_watch.restarts)

    def _play_out(self) -> None:
        """End the engine, and let the player play what is in the ring, which may last less than an engine's end."""
        out = self._outfit
        out.engine.dismiss()  # it would go on with the last snapshot otherwise
        out.ring.finish()
        out.engine.stop()
        while not out.player_watch.done:
            self._telling.show()
            if self._display.stop_wanted:
                raise KeyboardInterrupt
            time.sleep(0.02)
