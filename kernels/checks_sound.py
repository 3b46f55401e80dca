"""The kernels that make sound against their references: random numbers, sampler, drive, room, seam. [control]"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from legando.engines import counter_rng
from legando.engines.drive import GAIN, Drive
from legando.engines.room import SEND, Room
from legando.kernels import sampler
from legando.kernels.device import Device, Memory
from legando.kernels.drive import GpuDrive
from legando.kernels.launcher import GpuSeam, SharedRing
from legando.kernels.noise import KINDS, GpuNoise, gumbel_values
from legando.kernels.outcome import RARE, Outcome
from legando.kernels.room import GpuRoom
from legando.kernels.seam import Seam
from legando.realtime.ring import Ring

LATENTS, LATENT_WIDTH = 4, 64
_SEEDS = (0, 1, 2**63 - 1, 2**64 - 5)
_COUNTERS = (0, 7, 2**32, 2**64 - 1)
F32 = NDArray[np.float32]


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
    """Two chunks of three steps, in float and half. [control]"""
    outcome = Outcome("sampler")
    random = np.random.default_rng(1)
    for dtype in (np.float32, np.float16):
        for n in (250, LATENTS * LATENT_WIDTH, 1025):
            gpu = sampler.GpuSampler(device, streams=streams, n=n, dtype=dtype)
            seeds = [2**63 - 1 - b for b in range(streams)]
            gpu.write_controls(seeds, range(streams))
            gpu.begin()
            x = np.stack([sampler.starting_noise(seeds[b], b, n) for b in range(streams)])
            outcome.compare("first noise", gpu.x.read(), x, rare=True)
            for chunk in range(2):
                gpu.write_controls(seeds, [2**32 + chunk + b for b in range(streams)])
                for index in range(3):
                    x = gpu.x.read()  # so that a rare last bit is counted once
                    velocity = (random.standard_normal((streams, n)) * 3.0).astype(dtype)
                    velocity.reshape(-1)[[0, -1]] = (65504.0, 3e-7)
                    gpu.velocity.write(velocity)
                    gpu.step(1 / 3, last=index == 2)
                    now = sampler.euler_step(x, velocity, 1 / 3)
                    if index == 2:
                        with np.errstate(over="ignore"):
                            outcome.compare("clean", gpu.clean.read(), now.astype(dtype))
                        now = np.stack([sampler.starting_noise(seeds[b], 2**32 + chunk + b, n) for b in range(streams)])
                    outcome.compare("x", gpu.x.read(), now, rare=index == 2)
                    with np.errstate(over="ignore"):
                        outcome.compare("noisy", gpu.noisy.read(), gpu.x.read().astype(dtype))
    outcome.allowed = max(1, int(RARE * outcome.compared))
    outcome.time(device, lambda: gpu.step(1 / 3, last=True))
    return outcome


def check_halves(device: Device, streams: int) -> Outcome:
    """Every half to float, and floats to half: the rounding, its ties, the smallest and the largest. [control]"""
    outcome = Outcome("halves")
    every = np.arange(2**16, dtype=np.uint16).view(np.float16).reshape(1, -1)
    gpu = sampler.GpuSampler(device, streams=1, n=every.size, dtype=np.float16)
    gpu.write_controls([0], [0])
    gpu.x.write(np.full((1, every.size), -0.0, np.float32))
    gpu.velocity.write(every)
    gpu.step(1.0, last=False)
    with np.errstate(invalid="ignore"):
        outcome.compare("half to float", gpu.x.read(), every.astype(np.float32) + np.float32(-0.0))
    edges = np.array([65519.9, 65520.0, 2.0**-14, 2.0**-25, 2.9802322e-08, 1e-40, np.inf, np.nan, 0.0], np.float32)
    bits = np.random.default_rng(2).integers(0, 2**32, every.size, np.uint32).view(np.float32)
    ties = (every[0].astype(np.float32).view(np.uint32) + 0x1000).view(np.float32)
    for floats in (bits, ties):
        floats[: 2 * len(edges)] = np.concatenate([edges, -edges])
        gpu.x.write(floats)
        gpu.velocity.write(np.full(every.shape, -0.0, np.float16))
        gpu.step(1.0, last=False)
        with np.errstate(all="ignore"):
            outcome.compare("float to half", gpu.noisy.read()[0], floats.astype(np.float16))
    return outcome


def check_drive(device: Device, streams: int) -> Outcome:
    """Gains that rise, hold and fall, samples that are broken or far too loud, each stream in its time. [control]"""
    random = np.random.default_rng(10)

    def decoded(chunk: int, shape: tuple[int, ...]) -> F32:
        y = (random.standard_normal(shape) * 0.5).astype(np.float32)
        y[-1, 0, [5, 1299]] = (-3e6, 3e30)
        y[0, 1, 17] = np.inf if chunk == 3 else 0.0
        return y

    gains = (0.0, 0.3 * GAIN, GAIN, GAIN, 0.5 * GAIN, 0.0)
    return _check_insert("drive", device, streams, (GpuDrive, Drive), (gains, gains), decoded)


def check_room(device: Device, streams: int) -> Outcome:
    """Sends that rise, hold and fall, a broken chunk, and tails until they are forgotten, each stream in its time."""
    random = np.random.default_rng(9)

    def decoded(chunk: int, shape: tuple[int, ...]) -> F32:
        y = (random.standard_normal(shape) * (0.7 if chunk < 4 else 1e-5)).astype(np.float32)
        y[-1] *= np.float32(1e-4)  # whose tail is soon forgotten
        y[0, 1, 17] = np.nan if chunk == 3 else 0.1
        return y

    sends = (0.0, 0.2 * SEND, SEND, SEND, 0.5 * SEND, *[0.0] * 7), (SEND, 0.5 * SEND, 0.0, 0.0)
    return _check_insert("room", device, streams, (GpuRoom, Room), sends, decoded)


def _check_insert(
    name: str, device: Device, streams: int, kinds: tuple[type[GpuDrive | GpuRoom], type[Drive | Room]],
    amounts: Sequence[Sequence[float]], decoded: Callable[[int, tuple[int, ...]], F32],
) -> Outcome:  # fmt: skip
    """Play chunks of two sizes, each with amounts of its own; every second stream has them a chunk later."""
    outcome, (launcher, reference) = Outcome(name), kinds
    for (frames, overlap), scene in zip(((1300, 100), (4 * 960, 480)), amounts, strict=True):
        insert = launcher(device, streams=streams, frames=frames, overlap_frames=overlap)
        alone = [reference(frames, overlap) for _ in range(streams)]
        memory = device.array((streams, 2, frames + overlap), np.float32)
        for chunk in range(len(scene)):
            y = decoded(chunk, memory.shape)
            memory.write(y)
            now = [scene[max(0, chunk - b % 2)] for b in range(streams)]
            insert.write_controls(now)
            insert.enqueue(memory.address)
            for one, row, amount in zip(alone, y, now, strict=True):
                one.process(row, amount)
            outcome.compare(f"chunk {chunk} of {frames} frames", memory.read(), y)
    insert.write_controls([max(scene)] * streams)
    outcome.time(device, lambda: insert.enqueue(memory.address))
    return outcome


def check_seam(device: Device, streams: int) -> Outcome:
    """Chunks with NaN and loud ones, into slots that the host reads, and into a ring that a player reads. [control]"""
    outcome = Outcome("seam")
    overlap, frames = 480, 1920
    seam = GpuSeam(device, overlap_frames=overlap, max_frames=frames)
    decoded, enqueue = _play_seam(outcome, device, seam, frames), seam.enqueue
    outcome.time(device, lambda: enqueue(decoded.address, frames))
    _play_streams(outcome, device, streams, frames)
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


def _play_streams(outcome: Outcome, device: Device, streams: int, frames: int) -> None:
    """Every stream of one launch is the stream alone."""
    random = np.random.default_rng(8)
    seam = GpuSeam(device, overlap_frames=480, max_frames=frames, streams=streams)
    alone = [Seam(2, 480, frames) for _ in range(streams)]
    decoded = device.array((streams, 2, frames + 480), np.float32)
    for _ in range(2):
        y = (random.standard_normal(decoded.shape) * 0.7).astype(np.float32)
        decoded.write(y)
        audio, report = seam.wait(seam.submit(decoded.address, frames))
        made = [one.process(y[b]) for b, one in enumerate(alone)]
        outcome.compare("streams' audio", audio.reshape(streams, frames, 2), np.stack([a for a, _ in made]))
        outcome.compare("streams' peaks", report["peak"].copy(), np.stack([m.peak for _, m in made]))


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
