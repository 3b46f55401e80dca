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

from legando.realtime.controls import Controls, NoteEvent
from legando.realtime.enginelink import EngineSettings, Failed, Made, Ready, Want, prefill_frames, send_message
from legando.realtime.errors import LegandoError
from legando.realtime.instrument import Generator, load_instrument
from legando.realtime.ring import PlayerState, Ring
from legando.realtime.schedule import MARGIN_NS, CostWindow, next_start_ns
from legando.realtime.snapshot import controls_from_plain

ANSWER_SHARE = 0.25
"""How much of a chunk the engine waits for an answer before it goes on with the last snapshot."""

MAX_SLEEP_S = 0.02


class Pacer:
    """Says when the next chunk must start, by what the player has played or, without one, by the clock. [engine]"""

    def __init__(self, ring: Ring, settings: EngineSettings, chunk_frames: int) -> None:
        self._ring = ring
        self._prefill_frames = prefill_frames(settings.lead_frames, chunk_frames)
        self._settings = settings
        self._costs = CostWindow(guess_ns=30_000_000)
        self._origin_ns = 0  # clock: when frame 0 would have been played

    def add(self, cost_ns: int) -> None:
        """Remember what a chunk cost."""
        self._costs.add(cost_ns)

    def next_start_ns(self, now_ns: int) -> int:
        """Return when to start the next chunk; asked again and again while waiting, since the player may stall."""
        ring, settings = self._ring, self._settings
        written = ring.written_frames
        if settings.paced_by == "player":
            playing = ring.player_state in (PlayerState.PLAYING, PlayerState.STARVED)
            if not playing:
                return now_ns if written - ring.played_frames < self._prefill_frames else now_ns + 10_000_000
            played, at_ns = ring.played_frames, ring.played_at_ns
        else:
            if written == 0 or not self._origin_ns:
                self._origin_ns = now_ns - written * 1_000_000_000 // ring.sample_rate_hz
            at_ns = now_ns
            played = (now_ns - self._origin_ns) * ring.sample_rate_hz // 1_000_000_000
        start = next_start_ns(
            written_frames=written,
            played_frames=played,
            now_ns=at_ns,
            cost_p99_ns=self._costs.p99_ns,
            margin_ns=MARGIN_NS,
            lead_frames=settings.lead_frames,
            sample_rate_hz=ring.sample_rate_hz,
        )
        if settings.paced_by == "clock" and start < now_ns and played > written:  # fell behind: do not rush after it
            self._origin_ns = now_ns - written * 1_000_000_000 // ring.sample_rate_hz
        return max(start, now_ns)


class ControlSource:
    """Asks the host for snapshots, and does without when it is late. [engine]"""

    def __init__(self, connection: Connection, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._last: Controls | None = None
        self.stopped = False

    def controls_at(self, position_frames: int) -> Controls | None:
        """Return the snapshot for a chunk; None when the host says stop. The first one is waited for."""
        send_message(self._connection, Want(position_frames=position_frames))
        late: tuple[NoteEvent, ...] = ()
        deadline = time.monotonic() + self._timeout_s
        while self._last is None or self._connection.poll(max(0.0, deadline - time.monotonic())):
            answer = json.loads(self._connection.recv_bytes())
            if answer.get("stop"):
                return None
            controls = controls_from_plain(answer["controls"])
            controls = replace(controls, notes=late + controls.notes)
            self._last = replace(controls, notes=())
            if answer["position"] == position_frames:
                return controls
            late = tuple(replace(note, offset_frames=0) for note in controls.notes)
        return replace(self._last, notes=late)


def run(connection: Connection, settings: EngineSettings) -> None:
    """Make chunks until the host says stop or is gone. [engine]"""
    with contextlib.closing(Ring.attach(settings.ring)) as ring:
        generator = _prepare(settings, ring)
        pacer = Pacer(ring, settings, generator.chunk_frames)
        source = ControlSource(connection, ANSWER_SHARE * generator.chunk_frames / ring.sample_rate_hz)
        send_message(
            connection,
            Ready(
                sample_rate_hz=generator.sample_rate_hz,
                channels=generator.channels,
                chunk_frames=generator.chunk_frames,
                latency_frames=generator.latency_frames,
                engine=generator.engine,
            ),
        )
        gc.collect()
        gc.freeze()
        gc.disable()
        first = True
        while True:
            planned_ns = _wait(pacer)
            position = ring.written_frames
            controls = source.controls_at(position)
            if controls is None:
                return
            began_ns = time.perf_counter_ns()
            chunk = generator.step(controls)
            ring.write(chunk.frames)
            cost_ns = time.perf_counter_ns() - began_ns
            if not first:  # the first chunk also composes the bars before it: no measure of the next
                pacer.add(time.perf_counter_ns() - planned_ns)
            first = False
            send_message(
                connection,
                Made(
                    position_frames=position,
                    frames=len(chunk.frames),
                    cost_ns=cost_ns,
                    late_ns=began_ns - planned_ns,
                    tick=float(chunk.tick),
                    chord=chunk.chord,
                ),
            )
            gc.collect(0)  # only what this chunk left behind


def _prepare(settings: EngineSettings, ring: Ring) -> Generator:
    bundle = Path(settings.bundle) if settings.bundle is not None else None
    generator = load_instrument(settings.instrument, bundle).generator(
        seed=settings.seed, chunk_latents=settings.chunk_latents, steps=settings.steps
    )
    made = (generator.sample_rate_hz, generator.channels)
    wanted = (ring.sample_rate_hz, ring.channels)
    if made != wanted:
        raise LegandoError(
            f"the bundle makes {made[1]} channels at {made[0]} Hz, {wanted[1]} at {wanted[0]} are needed"
        )
    return generator


def _wait(pacer: Pacer) -> int:
    """Sleep until the next chunk must start and return when that was planned."""
    while True:
        now_ns = time.perf_counter_ns()
        start_ns = pacer.next_start_ns(now_ns)
        if start_ns <= now_ns:
            return start_ns
        time.sleep(min((start_ns - now_ns) / 1e9, MAX_SLEEP_S))


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
