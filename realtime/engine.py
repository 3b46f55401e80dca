"""The engine process: owns the networks; turns snapshots into chunks and writes them to the ring. [engine]

`python -m legando.realtime.engine` is started by the host (`enginelink.EngineProcess`). One thread. Each turn: wait
until the chunk must start, ask the host for the controls of that moment, make the chunk, write it, report. A host that
does not answer in time is not waited for: the last snapshot holds on, and notes that come late are played at once.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.crossfade import Mixer, fade_in
from legando.realtime.enginelink import EngineSettings, Failed, Made, Ready, Want, send_message
from legando.realtime.errors import LegandoError
from legando.realtime.instrument import Chunk, Generator, Instrument, load_instrument
from legando.realtime.midi.voices import Held, Voices
from legando.realtime.pacer import Pacer
from legando.realtime.priority import ENGINE_PRIORITY, lock_memory, real_time
from legando.realtime.ring import Ring
from legando.realtime.snapshot import controls_from_plain, controls_to_plain

ANSWER_SHARE = 0.25
"""How much of a chunk the engine waits for an answer before it goes on with the last snapshot."""

HAND_OVER_NS = 20_000_000
"""How much earlier an engine that leaves asks for the chunk that it will not make: the other has to be told."""

MIX_SHARE = 0.3
"""How much of a chunk an engine that leaves waits for the sound of the one that comes."""


class ControlSource:
    """Asks the host for snapshots, and does without when it is late. [engine]"""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._last: Controls | None = None
        self.past: dict[str, Any] | None = None
        self.mix: dict[str, Any] | None = None  # a newcomer to mix in, told ahead of the chunk's controls
        self.unlike: Controls | None = None  # what was made of late answers, when that was not the answer itself

    def controls_at(self, position_frames: int) -> Controls | None:
        """Return the snapshot for a chunk; None when the host says stop. The first one is waited for."""
        send_message(self._connection, Want(position_frames=position_frames))
        late: tuple[NoteEvent, ...] = ()
        self.unlike = None
        deadline = time.monotonic() + self._timeout_s
        while self._last is None or self._connection.poll(max(0.0, deadline - time.monotonic())):
            answer = json.loads(self._connection.recv_bytes())
            if answer.get("stop"):
                return None
            if "mix" in answer:
                self.mix = answer["mix"]
                continue
            self.past = answer.get("past")
            controls = controls_from_plain(answer["controls"])
            controls = replace(controls, notes=late + controls.notes)
            self._last = replace(controls, notes=())
            if answer["position"] == position_frames:
                self.unlike = controls if late else None
                return controls
            late = tuple(replace(note, offset_frames=0) for note in controls.notes)
        self.unlike = replace(self._last, notes=late)
        return self.unlike


def run(connection: Connection, settings: EngineSettings) -> None:
    """Make chunks until the host says stop or is gone; a spare engine waits before that for its turn. [engine]"""
    with contextlib.closing(Ring.attach(settings.ring)) as ring:
        instrument = load_instrument(
            settings.instrument, Path(settings.bundle) if settings.bundle is not None else None
        )
        generator = _prepare(instrument, settings, ring)
        lock_memory()
        if settings.spare and "go" not in json.loads(connection.recv_bytes()):
            return
        send_message(
            connection,
            Ready(
                sample_rate_hz=generator.sample_rate_hz,
                channels=generator.channels,
                chunk_frames=generator.chunk_frames,
                latency_frames=generator.latency_frames,
                engine=generator.engine,
                steps=generator.default_steps,
                priority=real_time(ENGINE_PRIORITY),
                bundle_name=instrument.name,
                bundle_sha256=instrument.hash,
            ),
        )
        gc.collect()
        gc.freeze()
        gc.disable()
        if not settings.candidate:
            _lead(connection, settings, generator, ring)
            return
        voices = Voices()
        main, costs_ns = _follow(connection, generator, ring, voices)
    if main is not None:
        with contextlib.closing(Ring.attach(main)) as ring:
            _lead(connection, replace(settings, ring=main), generator, ring, costs_ns, voices.held)


def _follow(
    connection: Connection, generator: Generator, side: Ring, voices: Voices
) -> tuple[str | None, Sequence[int]]:
    """Make each chunk that another engine makes, for a ring of our own; `voices` know what sounds in it. [engine]

    Returns the main ring, None to stop, and what the chunks have cost, but for the first, which composes bars, too.
    """
    costs_ns: deque[int] = deque(maxlen=64)
    first = True
    while True:
        answer = json.loads(connection.recv_bytes())
        if "main" in answer:
            return str(answer["main"]), tuple(costs_ns)
        if answer.get("stop"):
            return None, ()
        position, past = answer["position"], answer.get("past")
        if past is not None:
            generator.go_on(position, past["tick"], past["score"])
        controls = replace(controls_from_plain(answer["controls"]), steps=None)
        began_ns = time.perf_counter_ns()
        chunk = generator.step(controls)
        side.write(chunk.frames)
        voices.feed(position, chunk.struck)
        cost_ns = time.perf_counter_ns() - began_ns
        if not first:
            costs_ns.append(cost_ns)
        first = False
        _report(connection, generator, chunk, position, generator.default_steps, cost_ns)


def _lead(
    connection: Connection,
    settings: EngineSettings,
    generator: Generator,
    ring: Ring,
    costs_ns: Sequence[int] = (),
    held: Sequence[Held] | None = None,
) -> None:
    """Make the chunks that are played, each as late as is safe. [engine]

    `costs_ns` is what chunks have cost this engine before it led, `held` what sounds in it.
    """
    pacer = Pacer(ring, settings, chunk_frames=generator.chunk_frames, steps=generator.default_steps)
    pacer.learn(costs_ns)
    source = ControlSource(connection, ANSWER_SHARE * generator.chunk_frames / ring.sample_rate_hz)
    mixer: Mixer | None = None
    first = not settings.candidate
    while True:
        position = ring.written_frames
        leaves = mixer is not None and not mixer.failed and position >= mixer.end
        pacer.wait(HAND_OVER_NS if leaves else 0)
        if leaves:
            send_message(connection, Want(position_frames=position))
            connection.recv_bytes()  # whatever it is: only the newcomer may write from here on
            return
        controls = source.controls_at(position)
        if controls is None:
            return
        if first and source.past is not None:  # in another engine's place
            generator.go_on(position, source.past["tick"], source.past["score"])
        if source.mix is not None:
            mixer, source.mix = Mixer(Ring.attach(source.mix["ring"]), source.mix["base"], source.mix["begin"]), None
        steps = pacer.take() if controls.steps is None else controls.steps
        began_ns = time.perf_counter_ns()
        chunk = generator.step(controls if steps == generator.default_steps else replace(controls, steps=steps))
        frames = fade_in(chunk.frames, position)
        if mixer is not None:
            frames = mixer.mix(position, frames, MIX_SHARE * generator.chunk_frames / ring.sample_rate_hz)
        ring.write(frames)
        cost_ns = time.perf_counter_ns() - began_ns
        if not first:  # the first chunk also composes the bars before it: no measure of the next
            pacer.done()
        first = False
        mixed = None if mixer is None else not mixer.failed
        _report(
            connection, generator, chunk, position, steps, cost_ns, pacer.started_late_ns, source.unlike,
            mixed=mixed, held=held,
        )  # fmt: skip
        held = None
        gc.collect(0)  # only what this chunk left behind


def _report(
    connection: Connection,
    generator: Generator,
    chunk: Chunk,
    position: int,
    steps: int,
    cost_ns: int,
    late_ns: int = 0,
    unlike: Controls | None = None,
    *,
    mixed: bool | None = None,
    held: Sequence[Held] | None = None,
) -> None:
    """Tell the host about a chunk. [engine]"""
    send_message(
        connection,
        Made(
            position_frames=position,
            frames=len(chunk.frames),
            cost_ns=cost_ns,
            late_ns=late_ns,
            tick=float(chunk.tick),
            chord=chunk.chord,
            steps=steps,
            score=[(tick, list(tokens)) for tick, tokens in chunk.tokens],
            next_tick=generator.tick,
            section=generator.section,
            controls=controls_to_plain(unlike) if unlike is not None else None,
            mixed=mixed,
            struck=chunk.struck,
            held=held,
        ),
    )


def _prepare(instrument: Instrument, settings: EngineSettings, ring: Ring) -> Generator:
    generator = instrument.generator(
        seed=settings.seed, chunk_latents=settings.chunk_latents, steps=settings.steps, eco=settings.eco
    )
    made = (generator.sample_rate_hz, generator.channels)
    wanted = (ring.sample_rate_hz, ring.channels)
    if made != wanted:
        raise LegandoError(
            f"the bundle makes {made[1]} channels at {made[0]} Hz, {wanted[1]} at {wanted[0]} are needed"
        )
    return generator


def main() -> int:
    """Read the arguments that the host gives, and run. [engine]"""
    parser = argparse.ArgumentParser(description="Make sound for a legando host (started by it).")
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--settings", type=json.loads, required=True)
    arguments = parser.parse_args()
    connection = Connection(os.dup(arguments.fd))
    try:
        run(connection, EngineSettings(**arguments.settings))
    except LegandoError as error:
        with contextlib.suppress(OSError):
            send_message(connection, Failed(sentence=str(error), fatal=True))
        return 2
    except (EOFError, BrokenPipeError, ConnectionResetError):  # the host is gone
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
