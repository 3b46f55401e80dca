"""Ports: all that the MIDI process owns: inputs, outputs for lights and clock, and the watch over them. [control]"""

from __future__ import annotations

from collections.abc import Callable

import rtmidi

from legando.realtime.midi.clockout import ClockOut, PlayerHeader
from legando.realtime.midi.midiinput import LiveMessage, MidiInput
from legando.realtime.midi.midiout import MidiOutputs
from legando.realtime.midi.portname import matches
from legando.realtime.midi.portwatch import EVERY_S, PortWatch, same_device
from legando.realtime.rigs.rig import ClockRig, MidiRig


class Ports:
    """`tell` hears of changes: the names of the inputs, and how often a port for lights has been opened."""

    def __init__(
        self,
        rig: MidiRig,
        clock: ClockRig,
        on_message: Callable[[LiveMessage], None],
        tell: Callable[[tuple[str, ...], int], None],
        *,
        every_s: float = EVERY_S,
    ) -> None:
        self._rig = rig
        self._clock_rig = clock
        self._tell = tell
        self._told: tuple[tuple[str, ...], int] = ((), 0)
        self.midi = MidiInput(on_message)
        self._lit: MidiOutputs | None = None
        self._clocked: MidiOutputs | None = None
        self._clock: ClockOut | None = None
        self._watch = PortWatch(self._look, every_s=every_s)

    @property
    def on_jack(self) -> bool:
        """Whether the ports are JACK's, and so die with its server."""
        api = self._rig.api
        return api == "jack" or (api == "auto" and self.midi.api == rtmidi.API_UNIX_JACK)

    def open(self) -> None:
        """Open the ports and start the watch. Raises NoMidiSystemError when no MIDI system answers."""
        self.midi.open(self._rig, self._clock_rig)
        api = self._rig.api
        if self._rig.feedback:
            self._lit = MidiOutputs(api, lambda name: any(same_device(name, n) for n in self.midi.names), "lights")
        if self._clock_rig.output:
            self._clocked = MidiOutputs(api, lambda name: matches(self._clock_rig.output, name), "clock")
        self._look_at_outputs()
        self._watch.start()

    def start_clock(self, player: PlayerHeader, *, sample_rate_hz: int, block_frames: int, latency_frames: int) -> None:
        """Send MIDI clock from now on, where the rig names a port for it, as the player plays."""
        if self._clocked is not None and self._clock is None:
            self._clock = ClockOut(
                player,
                self._clocked.send,
                sample_rate_hz=sample_rate_hz,
                block_frames=block_frames,
                latency_frames=latency_frames,
            )
            self._clock.start()

    def begins(self, frame: int, tick: float) -> None:
        """Say that the chunk at this frame begins at this tick."""
        if self._clock is not None:
            self._clock.begins(frame, tick)

    def light(self, message: bytes) -> None:
        """Send a message to the controllers whose inputs are open."""
        if self._lit is not None:
            self._lit.send(message)

    def close(self) -> None:
        """Stop the clock and close all ports."""
        self._watch.close()
        if self._clock is not None:
            self._clock.close()
        for part in (self.midi, self._lit, self._clocked):
            if part is not None:
                part.close()

    def _look(self) -> None:
        self.midi.look()
        self._look_at_outputs()

    def _look_at_outputs(self) -> None:
        for out in (self._lit, self._clocked):
            if out is not None:
                out.look()
        now = (self.midi.names, self._lit.openings if self._lit is not None else 0)
        if now != self._told:
            self._told = now
            self._tell(*now)
