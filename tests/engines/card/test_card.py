"""One chunk, one graph: over the CPU shim, with the kernels themselves, it plays what the CPU engine plays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.card.cardgenerator import CardGenerator
from legando.engines.card.modules import load_modules
from legando.engines.card.network import CardNetworks
from legando.engines.card.probe import prove_graph, prove_networks
from legando.engines.card.torchnetwork import torch_card_networks
from legando.engines.card.trust import Distrust
from legando.engines.compiled.host import HostNetwork
from legando.engines.compiled.networks import write_network
from legando.engines.generator import Generator
from legando.kernels.shimdevice import Shim
from tests.engines.card.conftest import HOUSE

STREAMS = 2


@pytest.fixture(scope="module")
def networks(bundle: Bundle) -> Callable[[int], CardNetworks]:
    modules = load_modules(bundle, "cpu")
    return lambda streams: torch_card_networks(modules, streams=streams, latents=4, device="cpu")


@pytest.fixture
def shim(require: Callable[[bool, str], None]) -> Shim:
    require(shutil.which("g++") is not None, "g++ is not on the PATH; install it (Debian: apt install g++)")
    return Shim("ascending")


def test_the_graphs_chunks_are_the_cpu_engines(
    bundle: Bundle, networks: Callable[[int], CardNetworks], shim: Shim
) -> None:
    card = CardGenerator(bundle, [3, 4], device=shim, networks=networks(STREAMS))
    alone = [Generator(bundle, seed=3), Generator(bundle, seed=4)]
    fast = replace(HOUSE, tempo_bpm=231.0, style=(0.0, 1.0, *HOUSE.style[2:]))
    piece = [(HOUSE, fast)] * 4 + [(replace(HOUSE, held=(60, 63, 67)), replace(fast, guidance=2.0))] * 3
    piece += [(replace(HOUSE, steps=1, guidance=0.0), fast)] * 2
    launches, late = [], []
    for controls in piece:
        chunks = card.step(controls)
        launches.append(card.launches)
        late.append(card.late_ticks)
        steps = 1 if controls[0].steps else None
        for mine, one, asked in zip(chunks, alone, controls, strict=True):
            theirs = one.step(replace(asked, steps=steps))
            assert mine.tokens == theirs.tokens and mine.chord == theirs.chord
            np.testing.assert_allclose(mine.frames, theirs.frames, atol=1e-4)
            assert mine.peak == pytest.approx(theirs.peak, abs=1e-4)
    assert np.abs(chunks[0].frames).max() > 1e-2
    assert launches.count(1) >= 3 and max(launches[1:]) <= 3, "a tick that was foreseen takes no launch of its own"


def test_space_and_drive_are_the_cpus(bundle: Bundle, networks: Callable[[int], CardNetworks], shim: Shim) -> None:
    card = CardGenerator(bundle, [3, 4], device=shim, networks=networks(STREAMS), steps=1)
    alone, dry = [Generator(bundle, seed=seed, steps=1) for seed in (3, 4)], Generator(bundle, seed=3, steps=1)
    wide, bent = replace(HOUSE, space=1.0), replace(HOUSE, space=1.0, drive=1.0)
    apart = []
    for controls in [(HOUSE, HOUSE)] + [(wide, HOUSE)] * 3 + [(HOUSE, replace(bent, space=0.7))] * 2 + [(bent, wide)]:
        chunks = card.step(controls)
        for mine, one, asked in zip(chunks, alone, controls, strict=True):
            np.testing.assert_allclose(mine.frames, one.step(asked).frames, atol=1e-4)
        apart.append(float(np.abs(chunks[0].frames - dry.step(HOUSE).frames).max()))
    assert apart[0] < 1e-4 and min(apart[2:]) > 2e-3, f"the room must be heard, and go on when it is shut: {apart}"
    card.reset()
    first = Generator(bundle, seed=3, steps=1).step(HOUSE)
    np.testing.assert_allclose(card.step([HOUSE, HOUSE])[0].frames, first.frames, atol=1e-4)


def test_one_stream_takes_one_launch_a_chunk_until_a_hand_moves(
    bundle: Bundle, networks: Callable[[int], CardNetworks], shim: Shim
) -> None:
    card = CardGenerator(bundle, [3], device=shim, networks=networks(1), steps=1)
    card.step([HOUSE])
    written = card.late_ticks
    for _ in range(8):
        card.step([HOUSE])
        assert card.launches == 1
    assert card.late_ticks == written
    again = [card.step([replace(HOUSE, muted=frozenset({"drums"}))]) for _ in range(3)]
    assert card.late_ticks == written + 1, "the tick that was foreseen with drums is written again without them"
    assert all(tokens[1] == 0 for (chunk,) in again for _, tokens in chunk.tokens)


def test_networks_for_a_compiler_fit_into_the_graph_in_half_precision(bundle: Bundle, shim: Shim) -> None:
    def network(name: str) -> HostNetwork:
        return HostNetwork(write_network(bundle, name, batch=1))

    denoiser, memory = network("denoiser"), network("memory")
    made = CardNetworks("host", "mixed", network("language"), denoiser, memory, network("decoder"))
    card, alone = CardGenerator(bundle, [3], device=shim, networks=made), Generator(bundle, seed=3)
    for controls in [HOUSE] * 3 + [replace(HOUSE, guidance=2.0)] * 2:
        (mine,), theirs = card.step([controls]), alone.step(controls)
        assert mine.tokens == theirs.tokens
        loudest = float(np.abs(theirs.frames).max())
        np.testing.assert_allclose(mine.frames, theirs.frames, atol=0.03 * max(loudest, 0.1))
    assert loudest > 1e-2


def test_networks_and_graphs_are_proven(bundle: Bundle, networks: Callable[[int], CardNetworks], shim: Shim) -> None:
    made = networks(STREAMS)
    errors = prove_networks(made, shim, bundle.file("reference.safetensors"), calls=3)
    assert set(errors) == {"language", "denoiser", "memory", "decoder"} and max(errors.values()) < 0.1
    card = CardGenerator(bundle, [3, 4], device=shim, networks=made, steps=1)
    prove_graph(card.graph, (1, True))
    graph = card.graph.graphs[1, True]
    graph._works.pop(4)  # type: ignore[attr-defined]  # the decode is lost
    with pytest.raises(Distrust, match="recorded graph of 1 steps differs from the same launches"):
        prove_graph(card.graph, (1, True))
