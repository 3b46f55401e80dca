"""The networks of one chunk, run in other ways: `python -m legando.bench.peers.networks WAY`. [engine]

- `legando`: a whole chunk as played, and its decoder alone.
- `bare`: the same calls of ONNX Runtime with the same bound memory as one second of play made, and nothing around them:
  the floor of what a loop in Python over these graphs can reach.
- `exported`: the bundle's own graphs, which any ONNX reader can run, in the same number of calls.
- `eager`, `compiled`: the same networks in torch from the same weights, on one thread. They work out all voices, where
  the lean decoder works out those that sound.
- `torch`: a whole chunk of ours on its torch back end.
- `schedule`: the denoiser over four steps, one after the other or, after StreamDiffusion (Kodaira et al. 2023, arXiv
  2312.12491), the steps of four successive chunks as one batch: then each chunk takes one call, and leaves three
  chunks later. Our past is written by the finished chunk, which this would have to guess; the schedule alone is timed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from legando.bench.chunks import PLAYING, ChunkBench
from legando.bench.peers.install import cache
from legando.bench.peers.side import refuse, serve
from legando.engines.bundle import Bundle, default_path
from legando.realtime.errors import LegandoError

CHUNKS = 31
"""Recorded for `bare`: 2.5 s, in which voices come and go."""
TICKS_A_CHUNK = PLAYING.tempo_bpm / 60.0 * 4.0 * 0.08
STEPS = 4
Calls = dict[str, Callable[[], object]]


def legando(bundle: Bundle) -> Calls:
    """A whole chunk; its decoder alone, on the last chunk's inputs; the same for one second."""
    bench = ChunkBench(bundle.path)
    bench.run("as played", 24)
    made = bench.generator
    decoder: Any = made._decoder

    def second() -> None:
        for _ in range(25):  # two seconds: whole chunks
            decoder.run()

    return {
        "chunk": lambda: made.step(PLAYING),
        "decoder, 80 ms": decoder.run,
        "decoder, 2 s": second,
    }


def bare(bundle: Bundle) -> Calls:
    """The recorded calls of a few chunks, again and again."""
    import onnxruntime as ort

    bench = ChunkBench(bundle.path)
    bench.run("as played", 24)
    run = ort.InferenceSession.run_with_iobinding
    chunks: list[list[tuple[Any, Any]]] = []

    def recording(self: Any, binding: Any, options: Any = None) -> None:
        chunks[-1].append((self, binding))
        run(self, binding, options)

    ort.InferenceSession.run_with_iobinding = recording
    try:
        for _ in range(CHUNKS):
            chunks.append([])
            bench.generator.step(PLAYING)
    finally:
        ort.InferenceSession.run_with_iobinding = run
    turn = itertools.cycle(chunks)

    def chunk() -> None:
        for session, binding in next(turn):
            session.run_with_iobinding(binding)

    return {"chunk": chunk}


def ticks() -> Iterator[bool]:
    """Yield for each chunk whether a tick begins in it."""
    at = 0.0
    while True:
        at += TICKS_A_CHUNK
        yield at >= 1.0
        at -= float(at >= 1.0)


def exported(bundle: Bundle) -> Calls:
    """The bundle's own graphs, bound to memory of their own."""
    from legando.engines.backend import Network
    from legando.engines.timeline import GRAIN_FRAMES, LATENT_FRAMES

    latents = int(bundle.manifest["chunk_latents"])
    sizes = {"latents": latents, "grains": 2 * latents, "samples": latents * LATENT_FRAMES + GRAIN_FRAMES}
    language, denoiser, decoder = (
        Network(bundle.file(f"{name}.onnx"), sizes) for name in ("language", "denoiser", "decoder")
    )
    for name, network in (("language", language), ("denoiser", denoiser), ("decoder", decoder)):
        network.check(bundle.file("reference.safetensors"), name)
    language.inputs["temperature"].fill(1.0)
    decoder.inputs["voices"][..., 1] = 1.0
    begins = ticks()

    def chunk() -> None:
        if next(begins):
            language.run()
        for _ in range(STEPS):
            denoiser.run(keep=False)
        denoiser.run()
        decoder.run()

    return {"chunk": chunk, "decoder, 80 ms": decoder.run}


def torch_modules(bundle: Bundle) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
    """Return the three networks as one-step modules with the bundle's weights, and inputs of each."""
    import torch
    from safetensors.torch import load_file

    from legando.engines.codec import Codec
    from legando.engines.codec_config import CodecConfig
    from legando.engines.denoiser import Denoiser, DenoiserConfig
    from legando.engines.export import DecoderStep, DenoiserStep, example_inputs
    from legando.engines.language import LanguageConfig, LanguageModel
    from legando.engines.language_export import LanguageStep, export_inputs

    sizes = bundle.manifest["sizes"]
    nets = {
        "codec": Codec(CodecConfig(**sizes["codec"])),
        "denoiser": Denoiser(DenoiserConfig(**sizes["denoiser"])),
        "language": LanguageModel(LanguageConfig(**sizes["language"])),
    }
    weights = load_file(str(bundle.file("weights.safetensors")))
    for name, net in nets.items():
        own = {key.removeprefix(f"{name}."): value for key, value in weights.items() if key.startswith(f"{name}.")}
        net.load_state_dict({key: value.float() if value.is_floating_point() else value for key, value in own.items()})
        net.eval()
    codec, denoiser, language = nets["codec"], nets["denoiser"], nets["language"]
    inputs = example_inputs(codec.decoder, denoiser, int(bundle.manifest["chunk_latents"]), seed=7)  # type: ignore[arg-type]
    modules = {
        "decoder": DecoderStep(codec.decoder, denoiser.latent_mean, denoiser.latent_scale),  # type: ignore[arg-type]
        "denoiser": DenoiserStep(denoiser),  # type: ignore[arg-type]
        "language": LanguageStep(language),  # type: ignore[arg-type]
    }
    given = {name: tuple(values.values()) for name, values in inputs.items()}
    torch.set_num_threads(1)
    return modules, {**given, "language": tuple(export_inputs(language).values())}  # type: ignore[arg-type]


def in_torch(bundle: Bundle, *, compiled: bool) -> Calls:
    """The same networks in torch."""
    import torch

    modules, inputs = torch_modules(bundle)
    if compiled:
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(cache() / "inductor"))
        for name in ("language", "denoiser"):  # the decoder's recurrence over 32 harmonics is expanded for half an hour
            modules[name] = torch.compile(modules[name], dynamic=False)
    begins = ticks()

    def chunk() -> None:
        with torch.inference_mode():
            if next(begins):
                modules["language"](*inputs["language"])
            for _ in range(STEPS + 1):
                modules["denoiser"](*inputs["denoiser"])
            modules["decoder"](*inputs["decoder"])

    def decode() -> None:
        with torch.inference_mode():
            modules["decoder"](*inputs["decoder"])

    for _ in range(6):
        chunk()
    return {"chunk": chunk, "decoder, 80 ms": decode}


def schedule(bundle: Bundle) -> Calls:
    """The denoiser exported for one row and for as many rows as there are steps."""
    from legando.engines.backend import Network
    from legando.engines.export import PAST_NAMES, example_inputs, export_graph

    modules, _ = torch_modules(bundle)
    step = modules["denoiser"]
    calls: Calls = {}
    codec = torch_modules(bundle)[0]["decoder"].decoder
    for name, rows in (("steps in turn", 1), ("steps of four chunks as a batch", STEPS)):
        given = example_inputs(codec, step.denoiser, int(bundle.manifest["chunk_latents"]), seed=7)["denoiser"]
        if rows > 1:  # the past has layers first, all else its rows
            given = {
                key: value.repeat(1, rows, 1, 1, 1) if key in PAST_NAMES else value.repeat_interleave(rows, 0)
                for key, value in given.items()
            }
        with tempfile.TemporaryDirectory(prefix="legando-bench-") as folder:
            path = Path(folder) / "denoiser.onnx"
            export_graph(step, given, ("velocity", *(f"{n}_out" for n in PAST_NAMES)), path, {})
            network = Network(path, {})
        for key, value in given.items():
            if key in network.inputs:
                network.inputs[key][...] = np.asarray(value)
        times = STEPS if rows == 1 else 1

        def denoise(network: Network = network, times: int = times) -> None:
            for _ in range(times):
                network.run(keep=False)

        denoise()
        calls[name] = denoise
    return calls


def on_torch(bundle: Bundle) -> Calls:
    """A whole chunk of our own with `--backend torch`: the card's graph where there is one, else one thread."""
    from legando.engines.card.instrument import torch_instrument

    made = torch_instrument(bundle.path).generator(seed=0, chunk_latents=None, steps=None)
    for _ in range(6):
        made.step(PLAYING)
    return {"chunk": lambda: made.step(PLAYING)}


WAYS: dict[str, Callable[[Bundle], Calls]] = {
    "legando": legando,
    "bare": bare,
    "exported": exported,
    "eager": lambda bundle: in_torch(bundle, compiled=False),
    "compiled": lambda bundle: in_torch(bundle, compiled=True),
    "schedule": schedule,
    "torch": on_torch,
}


def main() -> int:
    """Serve one way. [engine]"""
    parser = argparse.ArgumentParser(description="Run the networks of a chunk (started by legando bench peers).")
    parser.add_argument("way", choices=WAYS)
    parser.add_argument("--bundle", type=Path)
    arguments = parser.parse_args()
    try:
        calls = WAYS[arguments.way](Bundle.load(arguments.bundle or default_path()))
    except ModuleNotFoundError as error:
        refuse(f"{error.name} is missing; pip install 'legando[train]'")
        return 2
    except (LegandoError, RuntimeError) as error:
        refuse(error)
        return 2
    serve({"calls": list(calls)}, calls)
    return 0


if __name__ == "__main__":
    sys.exit(main())
