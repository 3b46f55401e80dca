"""The kernels around the networks against their references: history, conditioning, tokens, ticks. [control]"""

from __future__ import annotations

from typing import Any

import numpy as np

from legando.engines.constraints import FORBIDDEN, LOGITS, PART_SLICES
from legando.engines.excitation import excitation_table
from legando.engines.score import VOCABULARY_SIZES
from legando.engines.timeline import FeatureTrack, Stroke
from legando.kernels import conditioning, history, ticks, tokens
from legando.kernels.device import Device
from legando.kernels.outcome import Outcome
from legando.realtime.controls import PARTS, STYLE_DIM

LATENTS = 4


def check_history(device: Device, streams: int) -> Outcome:
    """Thirty chunks of a past whose anchors are taken, held and let go, each stream in its own time. [control]"""
    outcome = Outcome("history")
    random = np.random.default_rng(3)
    for dtype, layers, size, whole in ((np.float32, 2, 8, False), (np.float16, 1, 64, True)):
        gpu = history.GpuHistory(
            device, streams=streams, layers=layers, heads=3, size=size, fine=12, fine_new=4, coarse=24, anchor=16,
            dtype=dtype, whole=whole,
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
            newest = [new[:, :, :, -count:] for new, count in zip(fresh, (4, 4, 1, 1), strict=True)]
            past = history.roll(past, (newest[0], newest[1], newest[2], newest[3]), anchors, 16)
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
    """Real features of a chunk with strokes, in float and half. [control]"""
    outcome = Outcome("conditioning")
    random = np.random.default_rng(4)
    for dtype, latents in ((np.float32, 2), (np.float16, LATENTS)):
        gpu = conditioning.GpuConditioning(device, streams=streams, latents=latents, dtype=dtype)
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
        table = excitation_table()
        expected = conditioning.assemble(features, styles, grains, dtype, table)
        for name, memory in gpu.inputs.items():
            outcome.compare(name, memory.read(), expected[name])
    outcome.time(device, gpu.assemble)
    return outcome


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


def check_ticks(device: Device, streams: int) -> Outcome:
    """Ticks taken by some streams and left by others, and tokens shown with their word. [control]"""
    outcome = Outcome("ticks")
    random = np.random.default_rng(7)
    for dtype, shape in ((np.float32, (2, streams, 3, 8, 4)), (np.float16, (1, streams, 2, 33, 8))):
        gpu = ticks.GpuTicks(device, streams=streams, shape=shape, parts=len(PARTS), dtype=dtype)
        gpu.reset()
        keys = values = np.zeros(shape, dtype)
        for tick in range(3):
            taken = [(b + tick) % 2 == 0 for b in range(streams)]
            after = [random.standard_normal(shape).astype(dtype) for _ in range(2)]
            gpu.keys_after.write(after[0])
            gpu.values_after.write(after[1])
            gpu.taken.host[...] = taken
            gpu.commit()
            keys, values = ticks.commit(keys, after[0], taken), ticks.commit(values, after[1], taken)
            outcome.compare("keys", gpu.keys.read(), keys)
            outcome.compare("values", gpu.values.read(), values)
            written = random.integers(0, 2**40, (streams, len(PARTS)))
            gpu.tokens.write(written)
            gpu.wanted.host[0] = 2**32 - 3 + tick
            gpu.publish()
            device.sync()
            outcome.compare("shown", gpu.shown.host.copy(), written)
            outcome.compare("word", gpu.word.host.copy(), gpu.wanted.host)
    full = ticks.GpuTicks(device, streams=streams, shape=(5, streams, 6, 128, 32), parts=len(PARTS))
    full.taken.host[...] = 1
    if device.name != "CPU shim":
        outcome.time(device, full.commit)
    return outcome
