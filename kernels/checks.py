"""Each kernel against its reference, on any device: what `legando gpu check` and the tests run. [control]

A check plays a short scene through launcher and reference and counts the numbers that differ. Most kernels must agree
to the bit. Where logarithm, sine or erf take part, a number may differ in its last bit, but hardly ever: see `RARE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines import counter_rng
from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.score import VOCABULARY_SIZES
from legando.engines.timeline import FeatureTrack, Stroke
from legando.kernels import conditioning, history, sampler, tokens
from legando.kernels.device import Device, Memory
from legando.kernels.launcher import GpuSeam, SharedRing
from legando.kernels.noise import KINDS, GpuNoise, gumbel_values
from legando.kernels.seam import Seam
from legando.realtime.controls import PARTS, STYLE_DIM
from legando.realtime.ring import Ring

F32 = NDArray[np.float32]

RARE = 1e-6
"""Which share of numbers made by logarithm, root, sine, cosine or erf may differ in the last bit of a float32.

All are taken in float64. Libraries differ there by a unit or two in the last place, which moves the rounding to float32
of about one number in 2**28.
"""
LATENTS, LATENT_WIDTH = 4, 64
_SEEDS = (0, 1, 2**63 - 1, 2**64 - 5)
_COUNTERS = (0, 7, 2**32, 2**64 - 1)


@dataclass(slots=True)
class Outcome:
    """What a check found. `differing` numbers of `compared` are not the reference's; `allowed` of them may be.

    `wrong` says in words what may never be. `microseconds`: of one launch, again and again, on a device with a clock.
    """

    check: str
    compared: int = 0
    differing: int = 0
    allowed: int = 0
    wrong: list[str] = field(default_factory=list)
    microseconds: list[float] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether the kernel equals its reference."""
        return not self.wrong and self.compared > 0 and self.differing <= self.allowed

    def compare(self, what: str, got: NDArray[Any], expected: NDArray[Any], *, rare: bool = False) -> None:
        """Count what differs; anything but a last bit where that may rarely be is wrong. NaN equals NaN. [control]"""
        if got.shape != expected.shape or got.dtype != expected.dtype:
            self.wrong.append(f"{what}: {got.dtype} {got.shape} instead of {expected.dtype} {expected.shape}")
            return
        self.compared += got.size
        unequal = (got != expected) & ~((got != got) & (expected != expected))
        if got.dtype.kind == "f":
            unequal |= np.signbit(got) != np.signbit(expected)
        found = int(np.count_nonzero(unequal))
        self.differing += found
        if not found:
            return
        at = tuple(int(i) for i in np.argwhere(unequal)[0])
        if not rare:
            self.wrong.append(
                f"{what}: {found} of {got.size} differ, first {got[at]} instead of {expected[at]} at {at}"
            )
        else:
            distance = np.abs(got[unequal].astype(np.float64) - expected[unequal]) / np.spacing(
                np.abs(expected[unequal])
            )
            if not distance.max() <= 2.0:
                self.wrong.append(f"{what}: {got[at]} instead of {expected[at]} at {at}")

    def time(self, device: Any, work: Callable[[], None], times: int = 200) -> None:
        """Time a launch, where the device has a clock. [control]"""
        work()
        device.sync()
        self.microseconds = device.microseconds(work, times)


def check_noise(device: Device, streams: int) -> Outcome:
    """Integers and uniforms to the bit; normals and Gumbels to the last bit of nearly all. [control]"""
    outcome = Outcome("noise")
    for n in (1, 257, 1030):
        for kind in KINDS:
            noise = GpuNoise(device, streams=4, n=n, kind=kind, stream=counter_rng.SCORE)
            noise.make(_SEEDS, _COUNTERS)
            reference = getattr(counter_rng, kind)
            expected = np.stack([reference(s, counter_rng.SCORE, c, n) for s, c in zip(_SEEDS, _COUNTERS, strict=True)])
            outcome.compare(f"{n} {kind}", noise.out.read(), expected, rare=kind in ("normal", "gumbel"))
    whole = device.name != "CPU shim"
    first, count = (0, 2**23) if whole else (2**23 - 2**15, 2**15)
    uniform = (np.arange(first, first + count) + 0.5) * 2.0**-23
    expected = (-np.log(-np.log(uniform))).astype(np.float32)
    outcome.compare("Gumbels", gumbel_values(device, first, count), expected, rare=True)
    outcome.allowed = max(1, int(RARE * outcome.compared))
    noise = GpuNoise(device, streams=streams, n=LATENTS * LATENT_WIDTH, kind="normal", stream=counter_rng.LATENT)
    outcome.time(device, lambda: noise.make(range(streams), range(streams)))
    return outcome


def check_sampler(device: Device, streams: int) -> Outcome:
    """Two chunks of three steps, with one row and with guidance, in float and half. [control]"""
    outcome = Outcome("sampler")
    random = np.random.default_rng(1)
    for dtype in (np.float32, np.float16):
        for rows, n in ((1, 250), (2, LATENTS * LATENT_WIDTH), (2, 1025)):
            gpu = sampler.GpuSampler(device, streams=streams, n=n, rows=rows, dtype=dtype)
            guidance = [(1.0, 0.0, 2.5, -0.5)[b % 4] for b in range(streams)]
            seeds = [2**63 - 1 - b for b in range(streams)]
            gpu.write_controls(seeds, range(streams), guidance)
            gpu.begin()
            x = np.stack([sampler.starting_noise(seeds[b], b, n) for b in range(streams)])
            outcome.compare("first noise", gpu.x.read(), x, rare=True)
            for chunk in range(2):
                gpu.write_controls(seeds, [2**32 + chunk + b for b in range(streams)], guidance)
                for index in range(3):
                    x = gpu.x.read()  # so that a rare last bit is counted once
                    velocity = (random.standard_normal((rows, streams, n)) * 3.0).astype(dtype)
                    velocity.reshape(-1)[[0, -1]] = (65504.0, 3e-7)
                    gpu.velocity.write(velocity)
                    gpu.step(1 / 3, last=index == 2)
                    stepped = [sampler.euler_step(x[b], velocity[:, b], guidance[b], 1 / 3) for b in range(streams)]
                    now = np.stack(stepped)
                    if index == 2:
                        with np.errstate(over="ignore"):
                            outcome.compare("clean", gpu.clean.read(), now.astype(dtype))
                        now = np.stack([sampler.starting_noise(seeds[b], 2**32 + chunk + b, n) for b in range(streams)])
                    outcome.compare("x", gpu.x.read(), now, rare=index == 2)
                    with np.errstate(over="ignore"):
                        shown = np.stack([gpu.x.read().astype(dtype)] * rows)
                    outcome.compare("noisy", gpu.noisy.read(), shown)
    outcome.allowed = max(1, int(RARE * outcome.compared))
    outcome.time(device, lambda: gpu.step(1 / 3, last=True))
    return outcome


def check_halves(device: Device, streams: int) -> Outcome:
    """Every half to float, and floats to half: the rounding, its ties, the smallest and the largest. [control]"""
    outcome = Outcome("halves")
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(1, 1, -1)
    gpu = sampler.GpuSampler(device, streams=1, n=every.size, dtype=np.float16)
    gpu.write_controls([0], [0], [1.0])
    gpu.x.write(np.full((1, every.size), -0.0, np.float32))
    gpu.velocity.write(every)
    gpu.step(1.0, last=False)
    with np.errstate(invalid="ignore"):
        outcome.compare("half to float", gpu.x.read(), every[0].astype(np.float32) + np.float32(-0.0))
    edges = np.array([65519.9, 65520.0, 2.0**-14, 2.0**-25, 2.9802322e-08, 1e-40, np.inf, np.nan, 0.0], np.float32)
    bits = np.random.default_rng(2).integers(0, 2**32, every.size, np.uint32).view(np.float32)
    ties = (every[0, 0].astype(np.float32).view(np.uint32) + 0x1000).view(np.float32)
    for floats in (bits, ties):
        floats[: 2 * len(edges)] = np.concatenate([edges, -edges])
        gpu.x.write(floats)
        gpu.velocity.write(np.full(every.shape, -0.0, np.float16))
        gpu.step(1.0, last=False)
        with np.errstate(all="ignore"):
            outcome.compare("float to half", gpu.noisy.read()[0, 0], floats.astype(np.float16))
    return outcome


def check_history(device: Device, streams: int) -> Outcome:
    """Thirty chunks of a past whose anchors are taken, held and let go, each stream in its own time. [control]"""
    outcome = Outcome("history")
    random = np.random.default_rng(3)
    for dtype, layers, size in ((np.float32, 2, 8), (np.float16, 1, 64)):
        gpu = history.GpuHistory(
            device, streams=streams, layers=layers, heads=3, size=size, fine=12, fine_new=4, coarse=24, anchor=16,
            dtype=dtype,
        )  # fmt: skip
        gpu.reset()
        past: Any = tuple(np.zeros(memory.shape, dtype) for memory in gpu.past)
        for chunk in range(30):
            anchors = [history.FREE if chunk < 6 + b else history.TAKE if chunk == 6 + b else history.HOLD
                       for b in range(streams)]  # fmt: skip
            if chunk >= 27:
                anchors[0] = history.FREE
            fresh: Any = tuple(random.standard_normal(memory.shape).astype(dtype) for memory in gpu.fresh)
            for memory, values in zip(gpu.fresh, fresh, strict=True):
                memory.write(values)
            gpu.roll(anchors)
            past = history.roll(past, fresh, anchors, 16)
            if chunk in (0, 3, 6, 7, 8, 14, 26, 29):
                for memory, values in zip(gpu.past, past, strict=True):
                    outcome.compare(f"past after chunk {chunk}", memory.read(), values)
    full = history.GpuHistory(
        device, streams=streams, layers=6 if device.name != "CPU shim" else 1, heads=4, size=64, fine=12, fine_new=4,
        coarse=24, anchor=16,
    )  # fmt: skip
    outcome.time(device, lambda: full.roll([history.HOLD] * streams))
    return outcome


def check_conditioning(device: Device, streams: int) -> Outcome:
    """Real features of a chunk with strokes, in float and half, with and without the second row. [control]"""
    outcome = Outcome("conditioning")
    random = np.random.default_rng(4)
    for dtype, rows, latents in ((np.float32, 1, 2), (np.float16, 2, LATENTS)):
        gpu = conditioning.GpuConditioning(device, streams=streams, latents=latents, rows=rows, dtype=dtype)
        features, grains = [], [(5 + 509 * b) % 2**32 for b in range(streams)]
        styles = random.standard_normal((streams, STYLE_DIM)).astype(np.float32)
        for b in range(streams):
            track = FeatureTrack(latents)
            track.begin_tick([2 + b % 90, b % 256, 3, 4, 1], 1, 100)
            strokes = [
                Stroke(100, "bass", 40 + b % 12, 0.8),
                Stroke(700, "drums", b % 8, 0.9),
                Stroke(0, "lead", 72, 1.0),
            ]
            features.append(track.chunk(latents, strokes, 1e-4, 3.0 + b))
            conditioning.write_record(gpu.records.host[b], features[b], styles[b], grains[b])
        gpu.assemble()
        table = _excitation()
        expected = conditioning.assemble(features, styles, grains, rows, dtype, table)
        for name, memory in gpu.inputs.items():
            outcome.compare(name, memory.read(), expected[name])
    outcome.time(device, gpu.assemble)
    return outcome


def _excitation() -> F32:
    from legando.engines.excitation import excitation_table

    return excitation_table()


def check_tokens(device: Device, streams: int) -> Outcome:
    """Ticks of random heads under masks: tokens and what sounds must be the reference's; logits too. [control]"""
    outcome = Outcome("tokens")
    random = np.random.default_rng(5)
    width, min_p = 192, 0.02
    heads = random.standard_normal(sum((width + 1) * 128 + 257 * n for n in VOCABULARY_SIZES) + 177 * 128)
    gpu = tokens.GpuTokens(device, (heads * 0.07).astype(np.float32), streams=streams, width=width, min_p=min_p)
    packed = (heads * 0.07).astype(np.float32)
    sounding: list[Any] = [[0, 0, 0]] * streams
    seeds, temperatures = [11 * b for b in range(streams)], [0.5 + 0.3 * (b % 4) for b in range(streams)]
    for tick in range(3):
        x = random.standard_normal((streams, width)).astype(np.float32)
        mask = np.where(random.random((streams, LOGITS)) < 0.3, np.float32(FORBIDDEN), np.float32(0.0))
        for part in PARTS:
            mask[:, PART_SLICES[part].start + tick % 2] = 0.0
        mask[0, PART_SLICES["bass"]] = FORBIDDEN
        mask[0, PART_SLICES["bass"].start + 1] = 0.0  # the bass holds
        gpu.trunk.write(x)
        gpu.mask.host[...] = mask
        gpu.write_controls(seeds, [2**32 - 1 + tick] * streams, temperatures)
        gpu.write()
        counter = 2**32 - 1 + tick
        made = [
            tokens.write_tick(x[b], packed, mask[b], seeds[b], counter, temperatures[b], min_p, sounding[b])
            for b in range(streams)
        ]
        sounding = [sounds for _, sounds, _ in made]
        outcome.compare("tokens", gpu.tokens.read(), np.array([chosen for chosen, _, _ in made]))
        outcome.compare("sounding", gpu.sounding.read(), np.array(sounding))
        outcome.compare("logits", gpu.logits.read(), np.stack([logits for _, _, logits in made]), rare=True)
    outcome.allowed = max(
        1, int(1e-3 * outcome.compared)
    )  # one last bit of a hidden number shows in all logits after it
    _check_sampling(outcome, gpu, random, min_p)
    outcome.time(device, gpu.write)
    return outcome


def _check_sampling(outcome: Outcome, gpu: tokens.GpuTokens, random: np.random.Generator, min_p: float) -> None:
    """Given logits, flat and steep, with NaN, infinities and ties; all parts at once and one after another."""
    streams = gpu.streams
    for tick in range(3):
        logits = (random.standard_normal((streams, LOGITS)) * (0.1, 3.0, 30.0)[tick]).astype(np.float32)
        logits[:, PART_SLICES["chord"]][:, ::7] = 1e9  # so large that no noise shows: ties, of which the first wins
        logits[0, 3::11] = np.nan
        logits[-1, PART_SLICES["lead"]] = np.nan
        gpu.logits.write(logits)
        gpu.mask.host[...] = np.where(random.random((streams, LOGITS)) < 0.2, np.float32(FORBIDDEN), np.float32(0.0))
        sounding = random.integers(0, 6, (streams, 3))
        gpu.sounding.write(sounding)
        gpu.write_controls([2**63 - 1] * streams, range(streams), [0.8] * streams)
        if tick == 1:
            for part in range(len(VOCABULARY_SIZES)):
                gpu.sample(part, 1)
        else:
            gpu.sample()
        made = [
            tokens.sample_tokens(logits[b], gpu.mask.host[b], 2**63 - 1, b, 0.8, min_p, sounding[b].tolist())
            for b in range(streams)
        ]
        outcome.compare("sampled tokens", gpu.tokens.read(), np.array([chosen for chosen, _ in made]))
        outcome.compare("what sounds", gpu.sounding.read(), np.array([sounds for _, sounds in made]))


def check_seam(device: Device, streams: int) -> Outcome:
    """Chunks with NaN and loud ones, into slots that the host reads, and into a ring that a player reads. [control]"""
    outcome = Outcome("seam")
    overlap, frames = 480, 1920
    seam = GpuSeam(device, overlap_frames=overlap, max_frames=frames)
    decoded, enqueue = _play_seam(outcome, device, seam, frames), seam.enqueue
    outcome.time(device, lambda: enqueue(decoded.address, frames))
    ring = Ring.create(capacity_frames=4096)
    shared = SharedRing(device, ring)
    try:
        seam = GpuSeam(device, overlap_frames=overlap, max_frames=frames, ring=shared)
        _play_seam(outcome, device, seam, frames)
        outcome.compare("written frames", np.array(ring.written_frames), np.array(5 * frames))
    finally:
        shared.close()
        ring.close()
    return outcome


def _play_seam(outcome: Outcome, device: Device, seam: GpuSeam, frames: int) -> Memory:
    random, reference = np.random.default_rng(6), Seam(2, seam.overlap_frames, frames)
    decoded = device.array((2, frames + seam.overlap_frames), np.float32)
    for chunk, gain in enumerate((0.5, 1.2, 1.2, 0.1, 0.9)):
        y = (random.standard_normal((2, frames + seam.overlap_frames)) * 0.7).astype(np.float32)
        y[chunk % 2, 17] = np.nan
        decoded.write(y)
        audio, report = seam.wait(seam.submit(decoded.address, frames, gain))
        expected, meters = reference.process(y, gain)
        outcome.compare("audio", audio, expected)
        outcome.compare("peaks", report["peak"][0], meters.peak)
        outcome.compare("energy", report["sum_squares"][0], meters.sum_squares)
        counts = [int(report[name][0]) for name in ("limited_frames", "bad_samples", "frames")]
        outcome.compare("counts", np.array(counts), np.array([meters.limited_frames, meters.bad_samples, frames]))
    return decoded


CHECKS: dict[str, Callable[[Device, int], Outcome]] = {
    "noise": check_noise,
    "halves": check_halves,
    "sampler": check_sampler,
    "history": check_history,
    "conditioning": check_conditioning,
    "tokens": check_tokens,
    "seam": check_seam,
}
