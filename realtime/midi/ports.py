"""Ports: all that the MIDI process owns: inputs, outputs for lights, clock and notes, the watch over them. [control]"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import rtmidi

from legando.realtime.midi.channels import Timed, all_notes_off
from legando.realtime.midi.clockout import NS_PER_S, ClockOut
from legando.realtime.midi.echoes import Echoes
from legando.realtime.midi.midiinput import LiveMessage, MidiInput
from legando.realtime.midi.midiout import MidiOutputs
from legando.realtime.midi.notesout import NotesHeader, NotesOut
from legando.realtime.midi.notesrig import NotesRig
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
        self.midi = MidiInput(on_message, is_echo=self._is_echo)
        self._lit: MidiOutputs | None = None
        self._clocked: MidiOutputs | None = None
        self._noted: MidiOutputs | None = None
        self._clock: ClockOut | None = None
        self._notes: NotesOut | None = None
        self._echoes: Echoes | None = None
        self._missing: list[str] = []
        self._watch = PortWatch(self._look, every_s=every_s)

    @property
    def on_jack(self) -> bool:
        """Whether the ports are JACK's, and so die with its server."""
        api = self._rig.api
        outputs = any(out is not None and out.on_jack for out in (self._clocked, self._noted))
        return api == "jack" or (api == "auto" and (outputs or self.midi.api == rtmidi.API_UNIX_JACK))

    def open(self) -> None:
        """Open the ports and start the watch. Raises NoMidiSystemError when no MIDI system answers."""
        self.midi.open(self._rig, self._clock_rig)
        api = self._rig.api
        if self._rig.feedback:
            self._lit = MidiOutputs(api, lambda name: any(same_device(name, n) for n in self.midi.names), "lights")
        if self._clock_rig.output:
            self._clocked = MidiOutputs(api, lambda name: matches(self._clock_rig.output, name), "clock")
        if self._rig.out.wanted:
            self._noted = self._open_notes(self._rig.out)
            self._echoes = Echoes(self._noted.send, time.perf_counter_ns)
        self._look_at_outputs()
        port = self._rig.out.port
        if self._noted is not None and port and not self._noted.names:
            self._missing.append(f"there is no MIDI output {port!r} yet; notes go there when it comes")
        self._watch.start()

    def take_news(self) -> Iterator[str]:
        """Yield what has happened to ports since the last call, a sentence each."""
        while self._missing:
            yield self._missing.pop()
        yield from self.midi.take_news()

    def start_clock(self, player: NotesHeader, *, sample_rate_hz: int, block_frames: int, latency_frames: int) -> None:
        """Send MIDI clock and notes from now on, where the rig names ports for them, as the player plays."""
        if self._clocked is not None and self._clock is None:
            self._clock = ClockOut(
                player,
                self._clocked.send,
                sample_rate_hz=sample_rate_hz,
                block_frames=block_frames,
                latency_frames=latency_frames,
            )
            self._clock.start()
        if self._noted is not None and self._echoes is not None and self._notes is None:
            self._notes = NotesOut(
                player,
                self._echoes.send,
                self._rig.out,
                sample_rate_hz=sample_rate_hz,
                block_frames=block_frames,
                period_ns=block_frames * NS_PER_S // sample_rate_hz if self._noted.on_jack else 0,
            )
            self._notes.start()

    def begins(self, frame: int, tick: float) -> None:
        """Say that the chunk at this frame begins at this tick."""
        if self._clock is not None:
            self._clock.begins(frame, tick)

    def play(self, messages: Sequence[Timed]) -> None:
        """Let notes leave with the frames that they belong to."""
        if self._notes is not None:
            self._notes.add(messages)

    def light(self, message: bytes) -> None:
        """Send a message to the controllers whose inputs are open."""
        if self._lit is not None:
            self._lit.send(message)

    def close(self) -> None:
        """Stop the clock and close all ports."""
        self._watch.close()
        if self._clock is not None:
            self._clock.close()
        if self._notes is not None:
            self._notes.close()
        for part in (self.midi, self._lit, self._clocked, self._noted):
            if part is not None:
                part.close()

    def _open_notes(self, notes: NotesRig) -> MidiOutputs:
        """Return the ports of the notes; each is told first to end what one before us may have left."""
        ends = all_notes_off(tuple(notes.channels.values()))
        return MidiOutputs(
            self._rig.api, lambda name: matches(notes.port, name), "notes", greeting=ends, virtual=notes.virtual
        )

    def _is_echo(self, name: str, message: bytes) -> bool:
        """Say whether a message from this port is a note of ours that has come back."""
        if self._noted is None or self._echoes is None:
            return False
        return any(same_device(name, other) for other in self._noted.names) and self._echoes.came(message)

    def _look(self) -> None:
        self.midi.look()
        self._look_at_outputs()

    def _look_at_outputs(self) -> None:
        for out in (self._lit, self._clocked, self._noted):
            if out is not None:
                out.look()
        now = (self.midi.names, self._lit.openings if self._lit is not None else 0)
        if now != self._told:
            self._told = now
            self._tell(*now)
