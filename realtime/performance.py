"""The performance: MIDI messages placed at frames go in, one Controls snapshot for each chunk comes out. [control]

Pure: no clock, no port, no file. The same messages at the same frames give the same snapshots, whether they come
from a keyboard, a file or a journal.

- Notes sound at once, at their frame inside the chunk; sustain (CC 64) and sostenuto (CC 66) hold them. Channel 10,
  where General MIDI keeps drum kits, plays no notes, nor does a key that is bound to a control.
- What is bound moves its control, slewed. A program change that is not bound recalls a scene, which sets every control
  to what the scene says.
- All sound off and all notes off (CC 120, 123 and the modes that imply it) end the notes of a channel; the control
  `panic` ends all, with pedals and held sections.
- Clock, start, stop, continue and song position set tempo and position when the rig follows MIDI clock.
- A tempo event of a MIDI file (FF 51 03 ...) sets the tempo, unless the tempo is locked or follows a clock. As long as
  no scene, knob, file or clock has given a tempo, each scene plays at the usual tempo of its style.
- Events of our own (`ownevent`) set controls by name, and say how far ahead an outside clock is met.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence

from legando.realtime.binding import Binding
from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.desk import Desk
from legando.realtime.desk import StyledScene as StyledScene
from legando.realtime.keys import SOSTENUTO_CC, SUSTAIN_CC, Keys
from legando.realtime.midiclock import ClockFollower
from legando.realtime.ownevent import read_own_event
from legando.realtime.rig import Scene
from legando.realtime.steering import Setting, Steering

DRUM_CHANNEL = 9
"""General MIDI's channel 10, counted from 0."""

_SOUND_OFF_CC, _RESET_CC = 120, 121
_NOTES_OFF_CCS = (123, 124, 125, 126, 127)  # all notes off, and the modes that imply it
_NOTES_MAX = 256
"""Beyond this many notes in one chunk only the last event of each pitch is kept: a flood costs no more than music."""


class Performance:
    """Turns messages into snapshots. Owned by one thread.

    `feed` takes whole MIDI messages with the frame at which they should take effect, in any order; a message whose
    frame has passed acts at the start of the next chunk. `controls_for_chunk` must be called for chunks in order.
    """

    def __init__(
        self,
        scenes: Sequence[StyledScene],
        bindings: Sequence[Binding] = (),
        *,
        sample_rate_hz: int = 48000,
        follow_clock: bool = False,
        tempo_bpm: float | None = None,
        level: float = 1.0,
    ) -> None:
        self._desk = Desk(scenes, level=level, tempo_bpm=tempo_bpm)
        self._steering = Steering(bindings, self._desk.value_of)
        self._clock = ClockFollower(sample_rate_hz) if follow_clock else None
        self._clock_lead_frames = 0
        self._sample_rate_hz = sample_rate_hz
        self._queue: list[tuple[int, int, bytes, bool]] = []
        self._fed = 0
        self._keys = Keys()
        self._notes: list[NoteEvent] = []
        self._moved: set[str] = set()  # immediate controls that the player has not been told

    @property
    def scene(self) -> Scene:
        """Return the scene that plays now."""
        return self._desk.styled.scene

    @property
    def scene_index(self) -> int:
        """Return its index from 0."""
        return self._desk.scene_index

    @property
    def tempo_bpm(self) -> float:
        """Return the tempo of now: the clock's, else what scenes, knobs and files last set, else the style's own."""
        followed = self._clock.tempo_bpm() if self._clock is not None else None
        return followed or self._desk.tempo_bpm

    @property
    def held(self) -> tuple[int, ...]:
        """Return the pitches that sound now, because of a key or a pedal."""
        return tuple(sorted(self._keys.sounding))

    @property
    def level(self) -> float:
        """Return the level that the messages so far have set, as a gain: 0 while `mute` is on."""
        immediate = self._desk.immediate
        return 0.0 if immediate["mute"] >= 0.5 else immediate["level"]

    def value_of(self, name: str) -> float:
        """Return what a control is set to, 0 or 1 for a switch: what lights and screens show."""
        return self._desk.value_of(name)

    def take_moved(self) -> dict[str, float]:
        """Return the immediate controls that have moved since the last call, but for those that had acted already."""
        moved = {name: self._desk.immediate[name] for name in sorted(self._moved)}
        self._moved.clear()
        return moved

    def feed(self, frame: int, message: bytes, *, acted: bool = False) -> None:
        """Queue one whole MIDI message for a frame; nonsense is ignored when its time comes.

        `acted` says that the player has been told already of the immediate controls that it moves.
        """
        heapq.heappush(self._queue, (frame, self._fed, message, acted))
        self._fed += 1

    def withdraw(self, frame: int, message: bytes) -> None:
        """Take back one queued message, as if it had never come; harmless when there is none such."""
        index = next((n for n, entry in enumerate(self._queue) if entry[0] == frame and entry[2] == message), None)
        if index is not None:
            del self._queue[index]
            heapq.heapify(self._queue)

    def controls_for_chunk(self, start_frame: int, frames: int) -> Controls:
        """Apply all messages before the chunk's end and return its snapshot."""
        held = self.held
        self._notes = []
        end = start_frame + frames
        while self._queue and self._queue[0][0] < end:
            frame, _, message, acted = heapq.heappop(self._queue)
            self._apply(message, max(frame, start_frame), start_frame, acted)
        self._desk.step(frames / self._sample_rate_hz)
        clock = self._clock
        return self._desk.controls(
            held=held,
            notes=tuple(self._notes if len(self._notes) <= _NOTES_MAX else last_of_each_pitch(self._notes)),
            tempo_bpm=clock.tempo_bpm() if clock is not None else None,
            position_ticks=clock.position_ticks(start_frame + self._clock_lead_frames) if clock is not None else None,
        )

    def _apply(self, message: bytes, frame: int, start_frame: int, acted: bool) -> None:
        if not message or message[0] < 0x80 or (any(byte > 0x7F for byte in message[1:]) and message[0] != 0xFF):
            return
        offset = frame - start_frame
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xF0:
            self._apply_system(message, frame, offset)
            return
        settings, taken = self._steering.feed(message)
        for setting in settings:
            self._set(setting, offset, acted)
        if kind == 0xC0 and len(message) == 2:
            if not taken:
                self._desk.recall(message[1])
        elif len(message) != 3:
            return
        elif kind == 0x90 and message[2] > 0:
            if not taken and channel != DRUM_CHANNEL:
                self._keys.press(channel, message[1])
                self._notes.append(NoteEvent(offset_frames=offset, pitch=message[1], velocity=message[2] / 127.0))
        elif kind in (0x80, 0x90):
            self._end(self._keys.let_go(channel, message[1]), offset)
        elif kind == 0xB0:
            self._end(self._controller(channel, message[1], message[2]), offset)

    def _controller(self, channel: int, number: int, value: int) -> list[int]:
        """Return the pitches that a pedal or a channel mode message ends."""
        if number in (SUSTAIN_CC, SOSTENUTO_CC):
            return self._keys.pedal(channel, number, value >= 64)
        if number == _RESET_CC:
            ended = self._keys.pedal(channel, SUSTAIN_CC, False)
            return ended + self._keys.pedal(channel, SOSTENUTO_CC, False)
        if number == _SOUND_OFF_CC or number in _NOTES_OFF_CCS:
            return self._keys.release(channel, pedals=number == _SOUND_OFF_CC)
        return []

    def _set(self, setting: Setting, offset: int, acted: bool) -> None:
        self._desk.apply(setting)
        if setting.control in self._desk.immediate and not acted:
            self._moved.add(setting.control)
        if setting.control == "panic" and setting.pressed:
            self._end(self._keys.release(pedals=True), offset)

    def _end(self, pitches: Iterable[int], offset: int) -> None:
        self._notes += [NoteEvent(offset_frames=offset, pitch=pitch, velocity=0.0) for pitch in pitches]

    def _apply_system(self, message: bytes, frame: int, offset: int) -> None:
        if message[:3] == b"\xff\x51\x03" and len(message) == 6:
            beat_us = int.from_bytes(message[3:], "big")
            if beat_us:
                self._desk.set_tempo(60e6 / beat_us)
        elif message[0] == 0xFF:
            told = read_own_event(message)
            if isinstance(told, int):
                self._clock_lead_frames = told
            elif told is not None:
                name, value = told
                self._set(Setting(name, value, math.inf, value >= 0.5), offset, acted=False)
        elif self._clock is not None:
            self._clock.feed(message, frame)


def last_of_each_pitch(notes: Sequence[NoteEvent]) -> list[NoteEvent]:
    """Return the last event of each pitch, in the order in which they come. [any]"""
    last = {note.pitch: index for index, note in enumerate(notes)}
    return [notes[index] for index in sorted(last.values())]
