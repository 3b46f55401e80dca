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
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.enginelink import EngineSettings, Failed, Made, Ready, Want, send_message
from legando.realtime.errors import LegandoError
from legando.realtime.instrument import Generator, load_instrument
from legando.realtime.pacer import Pacer
from legando.realtime.priority import ENGINE_PRIORITY, lock_memory, real_time
from legando.realtime.ring import Ring
from legando.realtime.snapshot import controls_from_plain, controls_to_plain

ANSWER_SHARE = 0.25
"""How much of a chunk the engine waits for an answer before it goes on with the last snapshot."""


class ControlSource:
    """Asks the host for snapshots, and does without when it is late. [engine]"""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._last: Controls | None = None
        self.past: dict[str, Any] | None = None
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
        generator = _prepare(settings, ring)
        pacer = Pacer(ring, settings, chunk_frames=generator.chunk_frames, steps=generator.default_steps)
        source = ControlSource(connection, ANSWER_SHARE * generator.chunk_frames / ring.sample_rate_hz)
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
            ),
        )
        gc.collect()
        gc.freeze()
        gc.disable()
        first = True
        while True:
            pacer.wait()
            position = ring.written_frames
            controls = source.controls_at(position)
            if controls is None:
                return
            if first and source.past is not None:  # in another engine's place
                generator.go_on(position, source.past["tick"], source.past["score"])
            steps = pacer.take() if controls.steps is None else controls.steps
            began_ns = time.perf_counter_ns()
            chunk = generator.step(controls if steps == generator.default_steps else replace(controls, steps=steps))
            ring.write(chunk.frames)
            cost_ns = time.perf_counter_ns() - began_ns
            if not first:  # the first chunk also composes the bars before it: no measure of the next
                pacer.done()
            first = False
            send_message(
                connection,
                Made(
                    position_frames=position,
                    frames=len(chunk.frames),
                    cost_ns=cost_ns,
                    late_ns=pacer.started_late_ns,
                    tick=float(chunk.tick),
                    chord=chunk.chord,
                    steps=steps,
                    score=[(tick, list(tokens)) for tick, tokens in chunk.tokens],
                    next_tick=generator.tick,
                    section=generator.section,
                    controls=controls_to_plain(source.unlike) if source.unlike is not None else None,
                ),
            )
            gc.collect(0)  # only what this chunk left behind


def _prepare(settings: EngineSettings, ring: Ring) -> Generator:
    bundle = Path(settings.bundle) if settings.bundle is not None else None
    generator = load_instrument(settings.instrument, bundle).generator(
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
