"""The twin: a take made again from its journal, and each chunk as it would have been without one event. [control]

Generation is deterministic, so the twin of a take is equal to it bit for bit, and the first frame at which it differs
from the take without an event is where that event is first heard: exact, and no matter how soft the effect begins.
"""

from __future__ import annotations

import copy
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.realtime.crossfade import fade_in
from legando.realtime.instrument import Generator, Instrument
from legando.realtime.ring import Frames
from legando.realtime.show import Show

EFFECT_CHUNKS = 2
"""How long the take without an event is followed: a note at the end of a chunk is heard in the next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a journal: a MIDI message at its frame."""

    frame: int
    message: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a journal says: the seed, the events, and the denoising steps of chunks that were made with fewer."""

    seed: int
    events: tuple[Event, ...]
    steps: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """`EFFECT_CHUNKS` chunks from the one in which an event acted, with it and without it."""

    event: Event
    position_frames: int
    made: Frames
    without: Frames


def read_journal(path: Path) -> Taken:
    """Read what a journal holds of a take. Lines of kinds that are not known here are passed over."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    events = (Event(frame=line["frame"], message=bytes.fromhex(line["midi"])) for line in lines[1:] if "midi" in line)
    steps = {line["frame"]: line["steps"] for line in lines[1:] if "steps" in line}
    return Taken(seed=lines[0]["seed"], events=tuple(events), steps=steps)


def save(generator: Generator) -> dict[str, Any]:
    """Return a copy of all that a generator keeps from chunk to chunk. [control]"""
    return {name: _saved(value) for name, value in vars(generator).items()}


def restore(generator: Generator, saved: dict[str, Any]) -> None:
    """Take a generator back to where `save` was. Arrays are filled in place: networks are bound to them."""
    for name, value in saved.items():
        mine = vars(generator)[name]
        arrays = _arrays(mine)
        if arrays is not None:
            for array, was in zip(arrays, _arrays(value) or (), strict=True):
                array[...] = was
        elif hasattr(mine, "restore"):
            mine.restore(value)
        else:
            setattr(generator, name, copy.deepcopy(value))


def _arrays(value: Any) -> list[NDArray[Any]] | None:
    """Return the arrays of a value that holds nothing else, in whatever lists and dicts; None for any other."""
    if isinstance(value, np.ndarray):
        return [value]
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    found = [_arrays(item) for item in items]
    return [array for arrays in found for array in arrays or ()] if found and None not in found else None


def _saved(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return value.save() if hasattr(value, "save") else copy.deepcopy(value)


class Twin:
    """Makes a take again, chunk by chunk, beside what really came of it."""

    def __init__(self, instrument: Instrument, show: Show, taken: Taken) -> None:
        rig = show.rig.engine
        generator = instrument.generator(seed=taken.seed, chunk_latents=rig.chunk_latents, steps=rig.steps, eco=rig.eco)
        self._generator = generator
        self._chunk = generator.chunk_frames
        self._taken = taken
        self._performance = show.performance(instrument)
        for event in taken.events:
            self._performance.feed(event.frame, event.message, acted=True)
        self.same_frames = 0

    def effects(self, stream: Frames, events: Sequence[Event]) -> Iterator[Effect]:
        """Yield the effect of each of these events, for as long as the twin and the stream are the same.

        stream: float32 (frames, channels), the take as it left the engine. `same_frames` says how far they agree.
        """
        wanted: defaultdict[int, list[Event]] = defaultdict(list)
        for event in events:
            wanted[event.frame // self._chunk].append(event)
        waiting: list[tuple[Event, int, Frames]] = []
        made: list[Frames] = []
        for number in range(len(stream) // self._chunk):
            position = number * self._chunk
            for event in wanted[number]:
                waiting.append((event, number, self._without(event, position)))
            frames = self._step(position)
            if not np.array_equal(frames, stream[position : position + self._chunk]):
                return
            self.same_frames = position + self._chunk
            made = [*made[1 - EFFECT_CHUNKS :], frames]
            while waiting and number - waiting[0][1] == EFFECT_CHUNKS - 1:
                event, first, without = waiting.pop(0)
                yield Effect(
                    event=event, position_frames=first * self._chunk, made=np.concatenate(made), without=without
                )

    def _without(self, event: Event, position: int) -> Frames:
        """Return the next chunks as they would be without an event; nothing else remembers that they were made."""
        saved, performance = save(self._generator), self._performance
        self._performance = copy.deepcopy(performance)
        self._performance.withdraw(event.frame, event.message)
        chunks = [self._step(position + n * self._chunk) for n in range(EFFECT_CHUNKS)]
        self._performance = performance
        restore(self._generator, saved)
        return np.concatenate(chunks)

    def _step(self, position: int) -> Frames:
        controls = self._performance.controls_for_chunk(position, self._chunk, self._generator.tick)
        steps = self._taken.steps.get(position)
        chunk = self._generator.step(controls if steps is None else replace(controls, steps=steps))
        return fade_in(chunk.frames, position).copy()
