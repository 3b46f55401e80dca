"""The performance: MIDI messages placed at frames go in, one Controls snapshot for each chunk comes out. [control]

Pure: no clock, no port, no file. The same messages at the same frames give the same snapshots, whether they come
from a keyboard, a file or a journal.

- Notes sound at once, at their frame inside the chunk. The sustain pedal (CC 64) holds them. Channel 10, where General
  MIDI keeps drum kits, plays no notes.
- A bound CC moves its control; a program change recalls a scene, which sets every control to what the scene says.
- Clock, start, stop, continue and song position set tempo and position when the rig follows MIDI clock.
- A tempo event of a MIDI file (FF 51 03 ...) sets the tempo, unless the tempo is locked or follows a clock. As long as
  no scene, knob, file or clock has given a tempo, each scene plays at the usual tempo of its style.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from legando.realtime.controls import MOODS, TEMPO_MAX_BPM, TEMPO_MIN_BPM, Controls, NoteEvent
from legando.realtime.midiclock import ClockFollower
from legando.realtime.rig import Binding, Scene

DRUM_CHANNEL = 9
"""General MIDI's channel 10, counted from 0."""

SUSTAIN_CC = 64
_RELEASE_CCS = (120, 123, 124, 125, 126, 127)  # all sound off, all notes off, and the modes that imply it

Key = tuple[int, int]
"""(channel 0..15, pitch 0..127): two keyboards may hold the same pitch, which sounds until both let go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StyledScene:
    """A scene whose prompts have been turned into a style vector, off the real-time path, and the style's own tempo."""

    scene: Scene
    style: tuple[float, ...]
    usual_tempo_bpm: float


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
        self._scenes = tuple(scenes)
        self._bindings = tuple(bindings)
        self._clock = ClockFollower(sample_rate_hz) if follow_clock else None
        self._tempo_locked = tempo_bpm is not None
        self._tempo_bpm = tempo_bpm
        self._values: dict[str, float] = {}
        self._queue: list[tuple[int, int, bytes]] = []
        self._fed = 0
        self._down: set[Key] = set()
        self._sustained: set[Key] = set()
        self._pedals: set[int] = set()
        self._notes: list[NoteEvent] = []
        self.level = level
        self.scene_index = 0
        self._recall(0)

    @property
    def scene(self) -> Scene:
        """Return the scene that plays now."""
        return self._scenes[self.scene_index].scene

    @property
    def tempo_bpm(self) -> float:
        """Return the tempo of now: the clock's, else what scenes, knobs and files last set, else the style's own."""
        followed = self._clock.tempo_bpm() if self._clock is not None else None
        given = followed or self._tempo_bpm or self._scenes[self.scene_index].usual_tempo_bpm
        return min(max(given, TEMPO_MIN_BPM), TEMPO_MAX_BPM)

    @property
    def held(self) -> tuple[int, ...]:
        """Return the pitches that sound now, because of a key or the pedal."""
        return tuple(sorted({pitch for _, pitch in self._down | self._sustained}))

    def feed(self, frame: int, message: bytes) -> None:
        """Queue one whole MIDI message for a frame; nonsense is ignored when its time comes."""
        heapq.heappush(self._queue, (frame, self._fed, message))
        self._fed += 1

    def level_of(self, message: bytes) -> float | None:
        """Return the level that a message sets, which the player may apply before the chunk comes, or None."""
        for binding in self._bound_by(message):
            if binding.control == "level":
                return binding.value_at(message[2])
        return None

    def controls_for_chunk(self, start_frame: int, frames: int) -> Controls:
        """Apply all messages before the chunk's end and return its snapshot."""
        held = self.held
        self._notes = []
        end = start_frame + frames
        while self._queue and self._queue[0][0] < end:
            frame, _, message = heapq.heappop(self._queue)
            self._apply(message, max(frame, start_frame), start_frame)
        position = self._clock.position_ticks(start_frame) if self._clock is not None else None
        scene = self._scenes[self.scene_index]
        moods = {mood: self._values.get(mood, getattr(scene.scene, mood)) for mood in MOODS}
        return Controls(
            style=scene.style,
            tempo_bpm=self.tempo_bpm,
            temperature=self._values.get("temperature", scene.scene.temperature),
            muted=scene.scene.muted,
            held=held,
            notes=tuple(self._notes),
            position_ticks=position,
            **moods,
        )

    def _apply(self, message: bytes, frame: int, start_frame: int) -> None:
        if not message or message[0] < 0x80 or (any(byte > 0x7F for byte in message[1:]) and message[0] != 0xFF):
            return
        offset = frame - start_frame
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xF0:
            self._apply_system(message, frame)
        elif kind == 0xC0 and len(message) == 2:
            self._recall(message[1])
        elif len(message) != 3:
            return
        elif kind == 0x90 and message[2] > 0:
            self._note_on(channel, message[1], message[2] / 127.0, offset)
        elif kind in (0x80, 0x90):
            self._note_off(channel, message[1], offset)
        elif kind == 0xB0:
            self._controller(message, channel, offset)

    def _note_on(self, channel: int, pitch: int, velocity: float, offset: int) -> None:
        if channel == DRUM_CHANNEL:
            return
        self._sustained.discard((channel, pitch))
        self._down.add((channel, pitch))
        self._notes.append(NoteEvent(offset_frames=offset, pitch=pitch, velocity=velocity))

    def _note_off(self, channel: int, pitch: int, offset: int) -> None:
        key = (channel, pitch)
        if key in self._down:
            self._down.discard(key)
            if channel in self._pedals:
                self._sustained.add(key)
            else:
                self._end({pitch}, offset)

    def _controller(self, message: bytes, channel: int, offset: int) -> None:
        number, value = message[1], message[2]
        if number == SUSTAIN_CC:
            if value >= 64:
                self._pedals.add(channel)
            else:
                self._pedals.discard(channel)
                self._release({key for key in self._sustained if key[0] == channel}, offset)
        elif number in _RELEASE_CCS:
            self._release({key for key in self._down | self._sustained if key[0] == channel}, offset)
        for binding in self._bound_by(message):
            moved = binding.value_at(value)
            if binding.control == "level":
                self.level = moved
            elif binding.control != "tempo_bpm":
                self._values[binding.control] = moved
            elif not self._tempo_locked:
                self._tempo_bpm = moved

    def _release(self, keys: set[Key], offset: int) -> None:
        self._down -= keys
        self._sustained -= keys
        self._end({pitch for _, pitch in keys}, offset)

    def _end(self, pitches: set[int], offset: int) -> None:
        """Report the end of each pitch that nobody holds any more."""
        for pitch in sorted(pitches - set(self.held)):
            self._notes.append(NoteEvent(offset_frames=offset, pitch=pitch, velocity=0.0))

    def _apply_system(self, message: bytes, frame: int) -> None:
        if message[:3] == b"\xff\x51\x03" and len(message) == 6:
            beat_us = int.from_bytes(message[3:], "big")
            if beat_us and not self._tempo_locked:
                self._tempo_bpm = 60e6 / beat_us
        elif self._clock is not None:
            self._clock.feed(message, frame)

    def _recall(self, index: int) -> None:
        if index >= len(self._scenes):
            return
        self.scene_index = index
        self._values.clear()
        tempo = self._scenes[index].scene.tempo_bpm
        if tempo is not None and not self._tempo_locked:
            self._tempo_bpm = tempo

    def _bound_by(self, message: bytes) -> list[Binding]:
        if len(message) != 3 or message[0] & 0xF0 != 0xB0:
            return []
        channel, number = (message[0] & 0x0F) + 1, message[1]
        return [b for b in self._bindings if b.cc == number and b.channel in (None, channel)]
