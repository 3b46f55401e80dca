"""Hands: all that MIDI ports do for the host: input, lights, clock out, and the watch over their ports. [control]"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from legando.realtime.clockout import ClockOut, PlayerHeader
from legando.realtime.feedback import Feedback
from legando.realtime.midi import LiveMessage, MidiInput, NoMidiSystemError
from legando.realtime.midiout import MidiOutputs
from legando.realtime.ownevent import lead_event
from legando.realtime.portname import matches
from legando.realtime.portwatch import EVERY_S, PortWatch, same_device
from legando.realtime.rig import Rig

LEAD_STEP_FRAMES = 240
"""How much the lead over an outside clock must be off before it is set anew: 5 ms at 48 kHz."""


class Hands:
    """Owned by the host's thread."""

    def __init__(
        self, rig: Rig, on_message: Callable[[LiveMessage], None] | None = None, *, every_s: float = EVERY_S
    ) -> None:
        self._rig = rig
        self.midi = MidiInput(on_message)
        self._lit: MidiOutputs | None = None
        self._feedback: Feedback | None = None
        self._clocked: MidiOutputs | None = None
        self._clock: ClockOut | None = None
        self._watch: PortWatch | None = None
        self._every_s = every_s
        self._lead_frames = -LEAD_STEP_FRAMES

    def open(self) -> str | None:
        """Open the ports and start the watch; return why there is no MIDI where the rig can do without.

        Raises DeviceError when the rig asks for something by name and no MIDI system answers.
        """
        rig, midi = self._rig.midi, self.midi
        try:
            midi.open(rig, self._rig.clock)
            if rig.feedback:
                self._lit = MidiOutputs(rig.api, lambda name: any(same_device(name, n) for n in midi.names), "lights")
                self._feedback = Feedback(self._lit, self._rig.bindings)
                self._lit.look()
            if self._rig.clock.output:
                self._clocked = MidiOutputs(rig.api, lambda name: matches(self._rig.clock.output, name), "clock")
                self._clocked.look()
        except NoMidiSystemError as error:
            named = any(name != "*" for name in rig.inputs) or self._rig.clock.input or self._rig.clock.output
            if rig.virtual_input or named:
                raise
            return f"no live MIDI: {error}"
        looks = [midi.look, *(out.look for out in (self._lit, self._clocked) if out is not None)]
        self._watch = PortWatch(*looks, every_s=self._every_s)
        self._watch.start()
        return None

    def start_clock(self, player: PlayerHeader, *, sample_rate_hz: int, latency_frames: int) -> None:
        """Send MIDI clock from now on, where the rig names a port for it, as the player plays."""
        if self._clocked is not None:
            self._clock = ClockOut(
                player,
                self._clocked.send,
                sample_rate_hz=sample_rate_hz,
                block_frames=self._rig.audio.block_frames,
                latency_frames=latency_frames,
            )
            self._clock.start()

    def take(self) -> Iterator[LiveMessage]:
        """Yield the messages that have come since the last call, oldest first."""
        return self.midi.take()

    def take_news(self) -> Iterator[str]:
        """Yield what has happened to ports since the last call, a sentence each."""
        return self.midi.take_news()

    def lead_event(self, lead_frames: int) -> bytes | None:
        """Return the event that says how far ahead an outside clock is met, when that has changed."""
        if not self._rig.follows_clock or abs(lead_frames - self._lead_frames) < LEAD_STEP_FRAMES:
            return None
        self._lead_frames = lead_frames
        return lead_event(lead_frames)

    def begins(self, frame: int, tick: float) -> None:
        """Say that the chunk at this frame begins at this tick."""
        if self._clock is not None:
            self._clock.begins(frame, tick)

    def show(self, value_of: Callable[[str], float]) -> None:
        """Bring the lights of controllers up to date."""
        if self._feedback is not None:
            self._feedback.show(value_of)

    def close(self) -> None:
        """Stop the clock, put the lights out, close all ports."""
        if self._watch is not None:
            self._watch.close()
        if self._clock is not None:
            self._clock.close()
        if self._feedback is not None:
            self._feedback.darken()
        with contextlib.ExitStack() as stack:
            for part in (self.midi, self._lit, self._clocked):
                if part is not None:
                    stack.callback(part.close)
