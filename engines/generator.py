"""The generator: control snapshots in, chunks of sound out, without end. [engine]

One step, top to bottom: the sequencer says which ticks begin in this chunk, and the language model writes them; score
and live notes become features; the denoiser makes latents out of noise in a few steps and remembers them; decoder,
drive, room and seam make audio. All randomness is counted (seed, stream, counter), so the same bundle, back end, seed
and snapshots give the same bytes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from legando.engines.arranger import read_habits
from legando.engines.bundle import Bundle
from legando.engines.counter_rng import LATENT, normal
from legando.engines.drive import Drive
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.lean_decoder import sounding
from legando.engines.metronome import Metronome
from legando.engines.networks import Networks, cpu_networks
from legando.engines.room import Room
from legando.engines.sequencer import Plan, Sequencer
from legando.engines.timeline import GRAIN_FRAMES, LATENT_FRAMES, SAMPLE_RATE_HZ, Struck
from legando.engines.tune import Ask
from legando.kernels.seam import Seam
from legando.realtime.controls import Controls
from legando.realtime.errors import RigError

LATENT_WIDTH = 64
STEPS_MAX = 64
ECO_STEPS = 2
ECO_QUIET_PEAK = 5e-4
"""Eco makes nothing of a chunk in which nothing sounds once the music before has died away to this: -66 dB."""


@dataclass(slots=True)
class Chunk:
    """One chunk. `frames` is a view (n, 2) that the next step overwrites; `tick` is where the chunk began.

    `tokens` lists the ticks that began in this chunk with their score tokens, `struck` what was struck and ended in it;
    `peak` is linear, for each channel.
    """

    frames: NDArray[np.float32]
    position_frames: int
    tick: float
    chord: str
    peak: tuple[float, float]
    cost_ns: int
    tokens: list[tuple[int, tuple[int, ...]]] = field(default_factory=list)
    struck: tuple[Struck, ...] = ()


class Generator:
    """Owns the networks and everything that goes on from chunk to chunk."""

    sample_rate_hz = SAMPLE_RATE_HZ
    channels = 2

    def __init__(
        self,
        bundle: Bundle,
        *,
        seed: int = 0,
        chunk_latents: int | None = None,
        steps: int | None = None,
        eco: bool = False,
        networks: Networks | None = None,
    ) -> None:
        """Load, allocate, reproduce the bundle's references and warm up. Raises BundleError or RigError.

        `eco` plays with int8 weights and, unless `steps` says otherwise, at most `ECO_STEPS` denoising steps, and
        leaves out what would be silent. `networks` are run by another back end than ONNX Runtime.
        """
        latents = checked_latents(bundle, chunk_latents)
        usual = min(ECO_STEPS, bundle.default_steps) if eco else bundle.default_steps
        self.default_steps = checked_steps(usual if steps is None else steps)
        made = cpu_networks(bundle, eco=eco) if networks is None else networks
        self.engine = made.engine
        self._eco = eco
        self.seed = seed
        self.latents = latents
        self.chunk_frames = latents * LATENT_FRAMES
        self.latency_frames = 0  # a grain's rise is in the chunk that it belongs to, and the codec learned it so
        self._language, self._denoiser, self._decoder = made.language, made.denoiser, made.decoder
        for name, network in (("language", self._language), ("denoiser", self._denoiser), ("decoder", self._decoder)):
            network.check(bundle.file("reference.safetensors"), name)
        habits = read_habits(json.loads(bundle.file("habits.json").read_text()))
        self._sequencer = Sequencer(seed, habits, latents=latents)
        self._drive = Drive(self.chunk_frames, GRAIN_FRAMES)
        self._room = Room(self.chunk_frames, GRAIN_FRAMES)
        self._seam = Seam(self.channels, GRAIN_FRAMES, self.chunk_frames)
        self._ahead = made.language.twin()  # the memory of the idea to come
        self._asked = [{name: array[0] for name, array in n.inputs.items()} for n in (self._language, self._ahead)]
        self._excitation = excitation_table()
        self._metronome = Metronome(SAMPLE_RATE_HZ, self.channels, self.chunk_frames)
        self._x = np.zeros((latents, LATENT_WIDTH), np.float32)
        self._noisy = self._denoiser.inputs["latents"][0]
        self.reset()

    def reset(self) -> None:
        """Start again from silence at tick 0, with the same seed."""
        for network in (self._language, self._ahead, self._denoiser, self._decoder):
            network.reset()
        self._drive.reset()
        self._room.reset()
        self._seam.reset()
        self._metronome.reset()
        self._sequencer.reset()
        self._peak = 1.0

    @property
    def tick(self) -> float:
        """Where the next chunk begins, in sixteenths; an outside clock may still move it."""
        return self._sequencer.tick

    @property
    def section(self) -> str:
        """The section of the form in which the last tick was written."""
        return self._sequencer.section

    def go_on(self, position_frames: int, tick: float, score: Sequence[tuple[int, Sequence[int]]] = ()) -> None:
        """Go on where another engine ended: at this frame, at this tick, after the `score` that it wrote. [engine]

        `score` lists ticks with their tokens, of which the last `PREROLL_TICKS` count; what is missing is written anew.
        The next chunk takes some longer, since these ticks are read first.
        """
        self.reset()
        self._sequencer.go_on(position_frames, tick, score)

    def step(self, controls: Controls) -> Chunk:
        """Make the next chunk. [engine]"""
        began_ns = time.perf_counter_ns()
        plan = self._compose(controls)
        steps = checked_steps(controls.steps) if controls.steps is not None else self.default_steps
        quiet = self._eco and self._peak < ECO_QUIET_PEAK and not plan.begins
        if quiet and not len(sounding(plan.features.voices)):
            self._decoder.outputs["audio"].fill(0.0)
        else:
            self._make(plan, steps)
        self._drive.process(self._decoder.outputs["audio"][0], plan.drive)
        self._room.process(self._decoder.outputs["audio"][0], plan.send)
        audio, report = self._seam.process(self._decoder.outputs["audio"][0])
        audio = self._metronome.mix(audio, plan.beats)
        self._peak = float(max(report.peak))
        return Chunk(
            frames=audio,
            position_frames=plan.number * self.chunk_frames,
            tick=plan.start_ticks,
            chord=plan.chord,
            peak=(float(report.peak[0]), float(report.peak[1])),
            cost_ns=time.perf_counter_ns() - began_ns,
            tokens=plan.tokens,
            struck=plan.struck,
        )

    def _compose(self, controls: Controls) -> Plan:
        """Let the sequencer say what the chunk is to be, and write the ticks that it asks for."""
        work = self._sequencer.compose(controls)
        try:
            ask = next(work)
            while True:
                ask = work.send(self._write_tick(ask))
        except StopIteration as end:
            plan: Plan = end.value
            return plan

    def _write_tick(self, ask: Ask) -> tuple[int, ...]:
        """Let the language model write one tick, within what the performer holds and mutes."""
        if ask.turns:
            self._language, self._ahead = self._ahead, self._language
            self._asked.reverse()
        network = self._ahead if ask.ahead else self._language
        if ask.fresh:
            network.reset()
        self._sequencer.describe(ask, self._asked[ask.ahead])
        network.run()
        return tuple(int(t) for t in network.outputs["tokens"][0])

    def _make(self, plan: Plan, steps: int) -> None:
        """Make a chunk's latents and its sound, which lies in the decoder's output then."""
        features, given = plan.features, self._denoiser.inputs
        given["frames"][0] = features.frames
        given["style"][0] = plan.style
        given["tick_tokens"][0] = features.tick_tokens
        given["tick_ages_s"][0] = features.tick_ages_s
        self._denoise(plan.number, steps)
        self._denoiser.hold(self._sequencer.anchor.next(plan.style))

        given = self._decoder.inputs
        given["latents"][0] = self._x
        given["frames"][0] = features.frames
        given["voices"][0] = features.voices
        rows = excitation_rows(2 * self.latents * plan.number, 2 * self.latents)
        np.take(self._excitation, rows, axis=0, out=given["excitation"][0])
        self._decoder.run()

    def _denoise(self, number: int, steps: int) -> None:
        """Follow the flow from noise to latents in `steps` Euler steps, then show the result to the past."""
        x, t = self._x, self._denoiser.inputs["t"]
        x[...] = normal(self.seed, LATENT, number, x.size).reshape(x.shape)
        velocity = self._denoiser.outputs["velocity"][0]
        for index in range(steps):
            self._noisy[...] = x
            t[0] = index / steps
            self._denoiser.run(keep=False)
            x += velocity * np.float32(1.0 / steps)
        self._noisy[...] = x
        t[0] = 1.0
        self._denoiser.run()


def checked_latents(bundle: Bundle, latents: int | None) -> int:
    """Return the bundle's chunk size in latents; any other is refused with a RigError. [any]"""
    trained = int(bundle.manifest["chunk_latents"])
    if latents not in (None, trained):
        raise RigError(f"this bundle was trained with chunk_latents {trained}, not {latents}; use {trained}")
    return trained


def checked_steps(steps: int) -> int:
    """Return a number of denoising steps, or raise RigError. [any]"""
    if not 1 <= steps <= STEPS_MAX:
        raise RigError(f"{steps} denoising steps is outside 1 to {STEPS_MAX}; choose one inside")
    return steps
