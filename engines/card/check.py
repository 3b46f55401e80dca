"""What `legando gpu check --report` measures besides the kernels, section by section. [control]"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from typing import Any

from legando.engines.agreement import CALLS
from legando.engines.bundle import Bundle
from legando.engines.card import measure
from legando.engines.card.cardgenerator import CardGenerator
from legando.engines.card.modules import load_modules
from legando.engines.card.network import CardNetworks
from legando.engines.card.opening import MAKERS, Maker, compiled_on_card, open_card
from legando.engines.card.paths import COPY_BYTES, compare_paths, copy_bandwidth
from legando.engines.card.sections import spread, timed
from legando.engines.generator import checked_latents
from legando.kernels.device import Device

PACKAGES = (
    "numpy", "safetensors", "onnxruntime", "torch", "einops", "cuda-core", "cuda-bindings", "nvidia-cuda-nvrtc",
    "tensorrt-cu13", "tensorrt-rtx-cu13",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long is measured: seconds and chunks for each figure, and which numbers of streams."""

    seconds: float = 6.0
    chunks: int = 2000
    times: int = 300
    copy_bytes: int = COPY_BYTES
    streams: tuple[int, ...] = measure.STREAMS
    calls: int = CALLS  # of each network, when it is proven


QUICK = Effort(seconds=1.0, chunks=200, times=50)
SHIM = Effort(seconds=0.0, chunks=3, times=3, copy_bytes=1 << 20, streams=(1, 2), calls=3)
"""On the CPU shim: enough to show that every figure can be had; none of them says anything about a card."""


def shim_makers() -> dict[str, Maker]:
    """Return the back end that can be had without a card: torch on the CPU between the shim's kernels. [control]"""

    def make(bundle: Bundle, streams: int, device: Device) -> CardNetworks:
        modules = load_modules(bundle, "cpu")
        from legando.engines.card.torchnetwork import torch_card_networks

        return torch_card_networks(modules, streams=streams, latents=checked_latents(bundle, None), device="cpu")

    return {"torch": make}


def card_makers() -> dict[str, Maker]:
    """Return the back ends that are measured on a card: those that play, and one that does not yet. [control]"""
    return {**MAKERS, "tensorrt int8": partial(compiled_on_card, precision="int8")}


def machine() -> dict[str, Any]:
    """Return what figures depend on besides the card. [control]"""

    def version(package: str) -> str:
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return "none"

    return {
        "system": f"{platform.system()} {platform.release()}",
        "python": sys.version.split()[0],
        "versions": {package: version(package) for package in PACKAGES},
    }


def sections(
    bundle: Callable[[], Bundle],
    open_device: Callable[[], Device],
    effort: Effort,
    *,
    makers: dict[str, Maker] | None = None,
) -> dict[str, Callable[[], Any]]:
    """Return all sections by name, ready for `run_sections`; each opens what it needs. [control]"""
    kept: dict[str, Any] = {}

    def model() -> Bundle:
        if "bundle" not in kept:
            kept["bundle"] = bundle()
        made: Bundle = kept["bundle"]
        return made

    def on_device(work: Callable[[Device], Any]) -> Any:
        device = open_device()
        try:
            return work(device)
        finally:
            device.close()

    def bandwidth() -> Any:
        kept["copy"] = on_device(lambda device: copy_bandwidth(device, size=effort.copy_bytes))
        return kept["copy"]

    def opener(name: str, make: Maker) -> measure.Opener:
        def open_it(seeds: Sequence[int]) -> CardGenerator:
            return open_card(
                model(), seeds, say=_quiet, makers={name: make}, open_device=open_device, calls=effort.calls
            )

        return open_it

    work: dict[str, Callable[[], Any]] = {
        "copy bandwidth": bandwidth,
        "sound to the host": lambda: on_device(lambda device: compare_paths(device, times=effort.times)),
    }
    for name, make in (card_makers() if makers is None else makers).items():
        work |= _of_back_end(name, opener(name, make), model, effort, kept)
    eager = {"torch eager on the CPU": "cpu"}
    if makers is None:
        eager = {"torch eager on the card": "cuda"} | eager
    for name, where in eager.items():
        work[name] = _eager(model, where, effort)
    work["ONNX Runtime on the CPU"] = lambda: _on_cpu(model(), effort)
    return work


def _quiet(text: str) -> None:
    """One back end alone has nothing to fall back to: what is wrong with it is the section's reason."""


def _of_back_end(
    name: str, open_it: measure.Opener, model: Callable[[], Bundle], effort: Effort, kept: dict[str, Any]
) -> dict[str, Callable[[], Any]]:
    def parts() -> Any:
        bytes_per_s = kept["copy"]["bytes_per_s"] if "copy" in kept else None
        return measure.parts(open_it, model(), bytes_per_s=bytes_per_s, times=effort.times)

    return {
        f"{name}: rungs": lambda: measure.rungs(open_it, seconds=effort.seconds, most=effort.chunks),
        f"{name}: parts": parts,
        f"{name}: streams": lambda: measure.streams(
            open_it, seconds=effort.seconds / 2, most=effort.chunks // 2 or 1, counts=effort.streams
        ),
        f"{name}: energy": lambda: measure.energy(open_it, seconds=max(1.0, effort.seconds)),
    }


def _eager(model: Callable[[], Bundle], device: str, effort: Effort) -> Callable[[], Any]:
    def run() -> Any:
        from legando.engines.card.modules import need_torch

        torch = need_torch()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return _batches(model(), device, effort)
        finally:
            torch.set_num_threads(threads)

    return run


def _batches(bundle: Bundle, device: str, effort: Effort) -> Any:
    """Time B streams on eager torch: how much a batch saves, with a launch for each operator."""
    from legando.engines.card.batch import BatchGenerator
    from legando.engines.card.torchstage import torch_networks

    rows = []
    for count in effort.streams[:4]:
        made = torch_networks(bundle, device=device, streams=count)
        batch = BatchGenerator(bundle, range(count), networks=made)
        controls = [measure.PLAYED] * count
        batch.step(controls)
        step = partial(batch.step, controls)
        taken = spread(timed(step, seconds=effort.seconds / 4, least=2, most=effort.chunks))
        audio_s = count * batch.chunk_frames / batch.sample_rate_hz
        rows.append({"streams": count, "step_ms": taken, "audio_s_per_s": round(1e3 * audio_s / taken["p50"], 2)})
    return {"engine": made.engine, "counts": rows}


def _on_cpu(bundle: Bundle, effort: Effort) -> Any:
    from legando.engines.generator import Generator

    generator = Generator(bundle, seed=1)
    generator.step(measure.PLAYED)
    began = time.perf_counter()
    taken = timed(lambda: generator.step(measure.PLAYED), seconds=effort.seconds, least=3, most=effort.chunks)
    lasts_ms = 1e3 * generator.chunk_frames / generator.sample_rate_hz
    return {
        "engine": generator.engine,
        "chunk_lasts_ms": lasts_ms,
        "chunk_ms": spread(taken),
        "seconds": round(time.perf_counter() - began, 2),
    }
