"""Many performers on one set of networks: B streams, each with controls and a seed of its own, in one step. [engine]

Each stream has its own sequencer, which asks for ticks; the ticks of all streams that ask at once are written in one
batch, and a stream that does not ask keeps its state. Denoiser and decoder run once for all. A stream in a batch is the
stream alone, within the rounding of products of other shapes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.card.streams import Tokens, chunk_of, compose_all, sequencers, steps_of
from legando.engines.card.torchstage import TorchDenoiser, TorchStage
from legando.engines.counter_rng import LATENT, normal
from legando.engines.drive import Drive
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.generator import Chunk, checked_latents, checked_steps
from legando.engines.metronome import Metronome
from legando.engines.networks import Networks
from legando.engines.room import Room
from legando.engines.sequencer import Plan
from legando.engines.timeline import GRAIN_FRAMES, LATENT_FRAMES, SAMPLE_RATE_HZ
from legando.engines.tune import Ask
from legando.kernels.seam import Seam
from legando.realtime.controls import Controls
from legando.realtime.errors import LegandoError


class BatchGenerator:
    """B streams in step with each other; `networks` must have been made for as many."""

    sample_rate_hz = SAMPLE_RATE_HZ
    channels = 2

    def __init__(self, bundle: Bundle, seeds: Sequence[int], *, networks: Networks, steps: int | None = None) -> None:
        """Allocate, and prove the networks. Raises BundleError, RigError or Distrust."""
        language, denoiser, self._decoder = networks.language, networks.denoiser, networks.decoder
        rows = len(denoiser.inputs["t"])
        if not (isinstance(language, TorchStage) and isinstance(denoiser, TorchDenoiser) and rows == len(seeds)):
            raise LegandoError(f"{len(seeds)} streams need torch networks of as many; these have {rows} rows")
        self._language, self._denoiser = language, denoiser
        self.engine, self.seeds = networks.engine, tuple(seeds)
        self.latents = checked_latents(bundle, None)
        self.chunk_frames, self.latency_frames = self.latents * LATENT_FRAMES, 0
        self.default_steps = checked_steps(bundle.default_steps if steps is None else steps)
        for name, stage in (("language", self._language), ("denoiser", self._denoiser), ("decoder", self._decoder)):
            stage.check(bundle.file("reference.safetensors"), name)
        self.sequencers = sequencers(bundle, seeds)
        self._drives = [Drive(self.chunk_frames, GRAIN_FRAMES) for _ in seeds]
        self._rooms = [Room(self.chunk_frames, GRAIN_FRAMES) for _ in seeds]
        self._seams = [Seam(self.channels, GRAIN_FRAMES, self.chunk_frames) for _ in seeds]
        self._metronomes = [Metronome(SAMPLE_RATE_HZ, self.channels, self.chunk_frames) for _ in seeds]
        self._ahead = language.twin()  # the memory of the ideas to come
        self._asked = [
            [{name: array[b] for name, array in stage.inputs.items()} for b in range(rows)]
            for stage in (self._language, self._ahead)
        ]
        self._excitation = excitation_table()

    def step(self, controls: Sequence[Controls]) -> list[Chunk]:
        """Make the next chunk of every stream, in as few steps as any of them asks for. [engine]"""
        began_ns = time.perf_counter_ns()
        plans = compose_all(self.sequencers, controls, self._write_ticks)
        self._make(plans, steps_of(controls, self.default_steps))
        chunks = []
        for b, plan in enumerate(plans):
            self._drives[b].process(self._decoder.outputs["audio"][b], plan.drive)
            self._rooms[b].process(self._decoder.outputs["audio"][b], plan.send)
            audio, report = self._seams[b].process(self._decoder.outputs["audio"][b])
            audio = self._metronomes[b].mix(audio, plan.beats)
            peak = float(report.peak[0]), float(report.peak[1])
            chunks.append(chunk_of(plan, audio, peak, self.chunk_frames, time.perf_counter_ns() - began_ns))
        return chunks

    def _write_ticks(self, asks: Mapping[int, Ask]) -> dict[int, Tokens]:
        """Write one tick of each stream that asks."""
        turning = self._those(b for b, ask in asks.items() if ask.turns)
        fresh = self._those(b for b, ask in asks.items() if ask.fresh)
        if turning.any():
            self._language.take_rows(self._ahead, turning)
        if fresh.any():
            self._ahead.take_rows(None, fresh)
        written: dict[int, Tokens] = {}
        for stage, ahead in ((self._language, False), (self._ahead, True)):
            asking = [b for b, ask in asks.items() if ask.ahead is ahead]
            for b in asking:
                self.sequencers[b].describe(asks[b], self._asked[ahead][b])
            if asking:
                stage.run(keep=self._those(asking))
            tokens = stage.outputs["tokens"]
            written |= {b: tuple(int(t) for t in tokens[b]) for b in asking}
        return written

    def _those(self, streams: Iterable[int]) -> NDArray[np.bool_]:
        chosen = np.zeros(len(self.seeds), np.bool_)
        chosen[list(streams)] = True
        return chosen

    def _make(self, plans: Sequence[Plan], steps: int) -> None:
        given, denoiser = self._denoiser.inputs, self._denoiser
        x = np.empty_like(given["latents"])
        for b, plan in enumerate(plans):
            given["frames"][b], given["style"][b] = plan.features.frames, plan.style
            given["tick_tokens"][b] = plan.features.tick_tokens
            given["tick_ages_s"][b] = plan.features.tick_ages_s
            x[b] = normal(self.seeds[b], LATENT, plan.number, x[b].size).reshape(x[b].shape)
        for index in range(steps):
            given["latents"][...] = x
            given["t"].fill(index / steps)
            denoiser.run(keep=False)
            x += denoiser.outputs["velocity"] * np.float32(1.0 / steps)
        given["latents"][...] = x
        given["t"].fill(1.0)
        denoiser.run()
        denoiser.hold(
            np.array([s.anchor.next(plan.style) for s, plan in zip(self.sequencers, plans, strict=True)], np.int32)
        )
        told = self._decoder.inputs
        told["latents"][...] = x
        for b, plan in enumerate(plans):
            told["frames"][b], told["voices"][b] = plan.features.frames, plan.features.voices
            rows = excitation_rows(2 * self.latents * plan.number, 2 * self.latents)
            np.take(self._excitation, rows, axis=0, out=told["excitation"][b])
        self._decoder.run()
