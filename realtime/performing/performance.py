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
- A scene comes in with the next chunk, or at the next beat, bar or phrase (`recall`); its style may fade in and its
  tempo ramp. Before the show a metronome may count; `tap` sets the tempo to that of the taps.
- A tempo event of a MIDI file (FF 51 03 ...) sets the tempo, unless the tempo is locked or follows a clock. As long as
  no scene, knob, file or clock has given a tempo, each scene plays at the usual tempo of its style.
- Scenes may be added while it plays: a prompt that was typed becomes one, and is recalled like the others.
- `seed.next`, `seed.back` and `seed` begin another idea at a bar line (`ideas`), as does a scene that has a seed.
- Events of our own (`ownevent`) set controls by name, say how far ahead an outside clock is met, and where another's
  song is, which then leads tempo and position in place of a clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.performing.crossing import end_tick
from legando.realtime.performing.desk import Desk
from legando.realtime.performing.ideas import NOTICE_CHUNKS, Ideas
from legando.realtime.performing.keys import Keys, last_of_each_pitch
from legando.realtime.performing.messagequeue import MessageQueue
from legando.realtime.performing.outsidetime import OutsideTime
from legando.realtime.performing.ownevent import read_own_event
from legando.realtime.performing.recall import TICKS_PER_BAR, TapTempo, ticks_in
from legando.realtime.performing.scenechange import SceneChange
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.performing.steering import Setting, Steering
from legando.realtime.rigs.binding import Binding
from legando.realtime.rigs.controlnames import KEEP, MARKS, SEED, SEED_MOVES, counted
from legando.realtime.rigs.scene import Scene, SceneChanges

DRUM_CHANNEL = 9
"""General MIDI's channel 10, counted from 0."""

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
        changes: SceneChanges | None = None,
        first: int = 0,
        seed: int = 0,
    ) -> None:
        changes = changes or SceneChanges()
        self._desk = Desk(scenes, level=level, tempo_bpm=tempo_bpm, first=first)
        self._steering = Steering(bindings, self.value_of)
        self._outside = OutsideTime(sample_rate_hz, follow_clock=follow_clock)
        self._sample_rate_hz = sample_rate_hz
        self._queue = MessageQueue()
        self._keys = Keys()
        self._notes: list[NoteEvent] = []
        self.marks: list[str] = []  # what the performer thought since the last chunk; it changes nothing
        self.wants_keep = False  # whether what plays is to be kept as a scene, since the last chunk
        self._moved: set[str] = set()  # immediate controls that the player has not been told
        self._tick = 0.0  # where the chunk of now begins, and later the next
        self._start_frame = 0
        self._tap = TapTempo(sample_rate_hz)
        self._taps = tuple(binding.origin for binding in bindings if binding.control == "tap")
        self._count_in_ticks = 0 if follow_clock else changes.count_in_bars * TICKS_PER_BAR
        self._ideas = Ideas(seed, begun=self.scene.seed, first_tick=self._count_in_ticks)
        self._change = SceneChange(
            self._desk, self._ideas, changes, self._outside.tempo_bpm, count_in_ticks=self._count_in_ticks
        )

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """Return all scenes, those that were added last; the same tuple until one is added."""
        return self._desk.scenes

    @property
    def scene(self) -> Scene:
        """Return the scene that plays now."""
        return self._desk.styled.scene

    @property
    def scene_index(self) -> int:
        """Return its index from 0."""
        return self._desk.scene_index

    @property
    def section(self) -> str | None:
        """Return the section that hands or the scene hold."""
        return self._desk.section

    @property
    def seed(self) -> int:
        """Return the seed of the idea that plays; at first the run's own."""
        return self._ideas.seed

    @property
    def coming_seed(self) -> int | None:
        """Return the seed of the idea that waits for its line."""
        return self._ideas.coming.seed if self._ideas.coming is not None else None

    @property
    def key(self) -> str | None:
        """Return the key that hands or the scene hold the music in."""
        return self._desk.key

    @property
    def tempo_bpm(self) -> float:
        """Return the tempo of now: the clock's, else what scenes, knobs and files last set, else the style's own."""
        return self._change.tempo_bpm(self._tick)

    @property
    def given_tempo_bpm(self) -> float | None:
        """Return the tempo that a scene, knob, tap or file last gave; None before the first."""
        return self._desk.given_tempo_bpm

    @property
    def next_tick(self) -> float:
        """Return where the next chunk begins, as far as is known, in sixteenths."""
        return self._tick

    @property
    def coming(self) -> Scene | None:
        """Return the scene that waits for its line."""
        return self._change.coming

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
        return self._ideas.value_of(name) if name in (SEED, *SEED_MOVES) else self._desk.value_of(name)

    def add(self, styled: StyledScene) -> int:
        """Add a scene and return its index; it comes in when the control `scene.N` recalls it.

        Raises RigError, one sentence, when there are as many as can be counted and none of them may go.
        """
        return self._desk.add(styled, keep=self._waiting)

    def keep(self) -> int:
        """Make a scene of what plays, with all that hands have moved, and return its index.

        It takes the place of one that was typed, and stands behind the others where the rig's own plays. Raises
        RigError, one sentence, where there is no room.
        """
        return self._desk.keep(self.tempo_bpm, self.seed, keep=self._waiting)

    @property
    def _waiting(self) -> tuple[int, ...]:
        """Indices of scenes that must stay where they are: of the one that waits for its line."""
        return () if self._change.coming_index is None else (self._change.coming_index,)

    def take_moved(self) -> dict[str, float]:
        """Return the immediate controls that have moved since the last call, but for those that had acted already."""
        moved = {name: self._desk.immediate[name] for name in sorted(self._moved)}
        self._moved.clear()
        return moved

    def feed(self, frame: int, message: bytes, *, acted: bool = False) -> None:
        """Queue one whole MIDI message for a frame; nonsense is ignored when its time comes.

        `acted` says that the player has been told already of the immediate controls that it moves.
        """
        self._queue.put(frame, message, acted)

    def has_a_place(self, message: bytes) -> bool:
        """Say whether a message acts at its frame because of what it moves: a tap."""
        told = read_own_event(message) if message[:1] == b"\xff" else None
        if isinstance(told, tuple):
            return told[0] == "tap"
        kind = message[0] & 0xF0 if message else 0
        return any(
            kind == 0xC0 if origin.kind == "program" else kind == 0xB0 and message[1] == origin.number
            for origin in self._taps
            if origin.kind in ("program", "cc")
        )

    def withdraw(self, frame: int, message: bytes) -> None:
        """Take back one queued message, as if it had never come; harmless when there is none such."""
        self._queue.withdraw(frame, message)

    def controls_for_chunk(self, start_frame: int, frames: int, tick: float | None = None) -> Controls:
        """Apply all messages before the chunk's end and return its snapshot.

        `tick` is where the engine says that the chunk begins, in sixteenths; without it the tempo so far tells.
        """
        self._start_frame = start_frame
        self._tick = self._outside.leaned(self._tick if tick is None else tick, start_frame)
        held = self.held
        self._ideas.notice_ticks = ticks_in(NOTICE_CHUNKS * frames, self.tempo_bpm, self._sample_rate_hz)
        self._notes, self.marks, self.wants_keep = [], [], False
        for frame, message, acted in self._queue.take_before(start_frame + frames):
            self._apply(message, max(frame, start_frame), start_frame, acted)
        self._desk.step(frames / self._sample_rate_hz)
        self._change.arrive(self._tick)
        notes = tuple(self._notes if len(self._notes) <= _NOTES_MAX else last_of_each_pitch(self._notes))
        controls = replace(
            self._change.snapshot(self._tick, held),
            notes=notes,
            position_ticks=self._outside.position_ticks(start_frame),
        )
        soon = self._tick + 2.0 * ticks_in(frames, controls.tempo_bpm, self._sample_rate_hz)
        controls = replace(controls, turn=self._change.turn(controls, self._tick, soon))
        if controls.turn is not None and self._tick < self._count_in_ticks:
            controls = replace(controls, click=True)
        self._tick = end_tick(controls, self._tick, frames, self._sample_rate_hz)
        return controls

    @property
    def follows(self) -> bool:
        """Whether somebody else's song leads."""
        return self._outside.led

    def _apply(self, message: bytes, frame: int, start_frame: int, acted: bool) -> None:
        if not message or message[0] < 0x80 or (any(byte > 0x7F for byte in message[1:]) and message[0] != 0xFF):
            return
        offset = frame - start_frame
        kind, channel = message[0] & 0xF0, message[0] & 0x0F
        if kind == 0xF0:
            self._apply_system(message, frame, offset, acted)
            return
        settings, taken = self._steering.feed(message)
        for setting in settings:
            self._set(setting, offset, acted)
        if kind == 0xC0 and len(message) == 2:
            if not taken:
                self._change.recall(message[1], self._tick)
        elif len(message) != 3:
            return
        elif kind == 0x90 and message[2] > 0:
            if not taken and channel != DRUM_CHANNEL:
                self._keys.press(channel, message[1])
                self._notes.append(NoteEvent(offset_frames=offset, pitch=message[1], velocity=message[2] / 127.0))
        elif kind in (0x80, 0x90):
            self._end(self._keys.let_go(channel, message[1]), offset)
        elif kind == 0xB0:
            self._end(self._keys.controller(channel, message[1], message[2]), offset)

    def _set(self, setting: Setting, offset: int, acted: bool) -> None:
        if setting.control.startswith("scene."):
            if setting.pressed:
                self._change.recall(counted(setting.control), self._tick)
            return
        if setting.control in MARKS:
            self.marks += [setting.control] * setting.pressed
            return
        if setting.control == SEED or setting.control in SEED_MOVES:
            self._ideas.apply(setting, self._tick)
            return
        if setting.control == KEEP:
            self.wants_keep |= setting.pressed
            return
        if setting.control == "tap":
            tempo = self._tap.tap(self._start_frame + offset) if setting.pressed else None
            if tempo is not None:
                self._desk.set_tempo(tempo)
            return
        self._desk.apply(setting)
        if setting.control in self._desk.immediate and not acted:
            self._moved.add(setting.control)
        if setting.control == "panic" and setting.pressed:
            self._end(self._keys.release(pedals=True), offset)

    def _end(self, pitches: Iterable[int], offset: int) -> None:
        self._notes += [NoteEvent(offset_frames=offset, pitch=pitch, velocity=0.0) for pitch in pitches]

    def _apply_system(self, message: bytes, frame: int, offset: int, acted: bool) -> None:
        if message[:3] == b"\xff\x51\x03" and len(message) == 6:
            beat_us = int.from_bytes(message[3:], "big")
            if beat_us:
                self._desk.set_tempo(60e6 / beat_us)
        elif message[0] == 0xFF:
            told = read_own_event(message)
            if isinstance(told, int):
                self._outside.clock_lead_frames = told
            elif isinstance(told, SongPlace):
                self._outside.song(told)
            elif told is not None:
                name, value = told
                self._set(Setting(name, value, math.inf, value >= 0.5), offset, acted)
        else:
            self._outside.clock(message, frame)
