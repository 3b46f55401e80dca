"""Hands: all that the host does with MIDI: controllers heard and lit, clocks led and followed, notes sent. [control]"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict

from legando.realtime.midi.channels import Channels
from legando.realtime.midi.feedback import Feedback
from legando.realtime.midi.livemessage import LiveMessage, NoMidiSystemError
from legando.realtime.midi.midilink import MidiProcess, MidiSettings
from legando.realtime.midi.voices import NoteChange
from legando.realtime.performing.ownevent import lead_event
from legando.realtime.rigs.rig import Rig

LEAD_STEP_FRAMES = 240
"""How much the lead over an outside clock must be off before it is set anew: 5 ms at 48 kHz."""


class Hands:
    """Owned by the host's thread. `on_message` is called on a thread of the process's handle, as soon as one comes."""

    def __init__(
        self, rig: Rig, on_message: Callable[[LiveMessage], None] | None = None, *, every_s: float = 1.0
    ) -> None:
        self._rig = rig
        midi = {**asdict(rig.midi), "inputs": list(rig.midi.inputs)}
        del midi["bindings"]
        settings = MidiSettings(midi=midi, clock=asdict(rig.clock), every_s=every_s)
        self.process = MidiProcess(settings, on_message)
        self._feedback = Feedback(self.process, rig.bindings) if rig.midi.feedback else None
        self._lead_frames = -LEAD_STEP_FRAMES
        self._channels = Channels(rig.midi.out.channels)
        self._is_open = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the open inputs."""
        return self.process.names

    def open(self) -> str | None:
        """Open the ports; return why there is no MIDI, where the rig can do without.

        Raises DeviceError when the rig asks for something by name and no MIDI system answers.
        """
        midi, clock = self._rig.midi, self._rig.clock
        named = midi.virtual_input or clock.input or clock.output or midi.out.wanted
        if not (midi.inputs or named):
            return None
        try:
            self.process.start()
        except NoMidiSystemError as error:
            if named or any(name != "*" for name in midi.inputs):
                raise
            return f"no live MIDI: {error}"
        self._is_open = True
        return None

    def start_clock(self, ring_name: str, *, latency_frames: int) -> None:
        """Send MIDI clock and notes from now on, where the rig names ports for them, as this ring's player plays."""
        if self._is_open and (self._rig.clock.output or self._rig.midi.out.wanted):
            block_frames = self._rig.audio.block_frames
            self.process.start_clock(ring=ring_name, block_frames=block_frames, latency_frames=latency_frames)

    def take(self) -> Iterator[LiveMessage]:
        """Yield the messages that have come since the last call, oldest first."""
        return self.process.take()

    def take_news(self) -> Iterator[str]:
        """Yield what has happened to ports since the last call, a sentence each."""
        return self.process.take_news()

    def lead_event(self, lead_frames: int) -> bytes | None:
        """Return the event that says how far ahead an outside clock is met, when that has changed."""
        if not self._rig.follows_clock or abs(lead_frames - self._lead_frames) < LEAD_STEP_FRAMES:
            return None
        self._lead_frames = lead_frames
        return lead_event(lead_frames)

    def begins(self, frame: int, tick: float) -> None:
        """Say that the chunk at this frame begins at this tick."""
        self.process.begins(frame, tick)

    def play(self, frame: int, changes: Sequence[NoteChange]) -> None:
        """Send the notes that begin and end in the chunk at this frame."""
        if self._is_open and self._rig.midi.out.wanted:
            self.process.play(frame, self._channels.feed(changes))

    def show(self, value_of: Callable[[str], float]) -> None:
        """Bring the lights of controllers up to date."""
        if self._is_open and self._feedback is not None:
            self._feedback.show(value_of)

    def sound_server_was_replaced(self) -> None:
        """Open the ports again where they were the sound server's: those of a dead JACK server never work again."""
        if self._is_open and self.process.on_jack:
            self.process.replace()

    def close(self) -> None:
        """Put the lights out, stop the clock, end all notes, close all ports."""
        if self._is_open and self._feedback is not None:
            self._feedback.darken()
        self.process.close()
