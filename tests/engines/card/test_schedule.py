"""What is asked of the driver, chunk by chunk: over a recording stand-in, which computes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.card.cardgenerator import CardGenerator, CardLost
from legando.engines.card.modules import load_modules
from legando.engines.card.steadfast import Steadfast
from legando.engines.card.torchnetwork import torch_card_networks
from legando.engines.generator import Generator
from legando.engines.room import SEND
from legando.realtime.cli import main
from tests.engines.card.conftest import HOUSE
from tests.engines.card.recording import Graph, Network, RecordingDriver

CHUNKS = 1000
NETWORKS = ("language", "denoiser", "memory", "decoder")


def opened(bundle: Bundle, streams: int = 1, **options: Any) -> tuple[CardGenerator, RecordingDriver]:
    real = torch_card_networks(load_modules(bundle, "cpu"), streams=streams, latents=4, device="cpu")
    stands: dict[str, Any] = {name: Network(name, getattr(real, name)) for name in NETWORKS}
    made = replace(real, **stands)
    driver = RecordingDriver()

    class Watched(CardGenerator):
        def reset(self) -> None:
            driver.seam, driver.ticks = self.graph.seam, self.graph.ticks
            super().reset()

    return Watched(bundle, range(streams), device=cast(Any, driver), networks=made, **options), driver


def calls(graph: Graph, what: str) -> list[str]:
    return [call[1] for call in graph.calls if call[0] == what]


def test_a_thousand_chunks_are_a_thousand_launches_of_the_same_memory(bundle: Bundle) -> None:
    card, driver = opened(bundle, steps=4)
    card.step([HOUSE])
    before = {key: list(cast(Graph, graph).calls) for key, graph in card.graph.graphs.items()}
    driver.log.clear()
    driver.launched.clear()
    for index in range(CHUNKS):
        card.step([replace(HOUSE, space=1.0) if index % 100 < 50 else HOUSE])
        assert card.launches == 1
    assert driver.log == ["graph"] * CHUNKS, "one launch a chunk: no memory, no wait, no copy, no kernel on its own"
    assert {key: cast(Graph, graph).calls for key, graph in card.graph.graphs.items()} == before
    ahead = [graph is card.graph.graphs[4, True] for graph in driver.launched]
    assert 0.5 < np.mean(ahead) < 0.75, "124 bpm: a tick in 64 of 100 chunks"
    assert set(driver.launched) == {card.graph.graphs[4, True], card.graph.graphs[4, False]}


def test_each_rung_has_its_graph_and_the_sound_comes_before_what_only_the_next_chunk_needs(bundle: Bundle) -> None:
    card, driver = opened(bundle, streams=2, steps=4)
    assert {steps for steps, _ in card.graph.graphs} == {4, 3, 2} and len(card.graph.graphs) == 6
    for steps in (4, 3, 2):
        driver.launched.clear()
        card.step([replace(HOUSE, steps=steps, guidance=2.0), HOUSE])
        assert driver.launched[-1] in [card.graph.graphs[steps, ahead] for ahead in (False, True)]
        graph = cast(Graph, card.graph.graphs[steps, True])
        assert calls(graph, "enqueue")[: steps + 2] == ["denoiser"] * steps + ["decoder", "memory"]
        kernels = calls(graph, "launch")
        assert kernels.count("sampler_step_float") == steps and kernels.index("assemble_float") == 0
        order = [call[1] for call in graph.calls if call[0] != "copy"]
        assert (
            order.index("decoder")
            < order.index("drive")
            < order.index("room")
            < order.index("seam")
            < order.index("memory")
            < order.index("roll_history")
        )
        assert order[-1] == "publish_tokens"
        copied = [call for call in graph.calls if call[0] == "copy" and call[1] == card.graph._t.address]
        assert len({call[2] for call in copied}) == steps, "each step has a time of its own"
    times = {steps: memory.host[:, 0].tolist() for steps, memory in card.graph._times.items()}  # type: ignore[attr-defined]
    assert times[4] == [0.0, 0.25, 0.5, 0.75] and times[2] == [0.0, 0.5]


def test_the_room_is_told_in_mapped_memory_what_the_cpu_sends(bundle: Bundle) -> None:
    card, _ = opened(bundle, streams=2, steps=4)
    told = []
    for space in (None, 1.0, 1.0, 0.75, None, None):
        card.step([replace(HOUSE, space=space), HOUSE])
        told.append(card.graph.room._controls.host.copy())
    assert all(row[1].tobytes() == bytes(16) for row in told), "the other stream sends nothing"
    assert [round(float(row["gain_from"][0]), 6) for row in told] == [0.0, 0.0, SEND, SEND, SEND / 2, 0.0]
    assert [np.sign(row["gain_step"][0]) for row in told] == [0, 1, 0, -1, -1, 0]
    assert [bool(row["open"][0]) for row in told] == [False, True, True, True, True, False]
    assert [bool(row["sends"][0]) for row in told] == [False, True, True, True, False, False]
    kernels = [call for graph in card.graph.graphs.values() for call in cast(Graph, graph).calls if call[1] == "room"]
    assert len(kernels) == len(card.graph.graphs) and len({call[2:] for call in kernels}) == 1, (
        "each graph has one, at the same addresses"
    )
    card.reset()
    assert card.graph.room._controls.host.tobytes() == bytes(32), "what was turned up before does not come back"


def test_every_address_of_a_network_is_memory_of_its_own_size(bundle: Bundle) -> None:
    card, _ = opened(bundle, streams=2)
    for name in NETWORKS:
        network = getattr(card.graph.networks, name)
        assert set(network.bound) == {*network.inputs, *network.outputs}
        about = {**network.inputs, **network.outputs}
        spans = sorted((at, at + int(np.prod(about[n][0])) * about[n][1].itemsize) for n, at in network.bound.items())
        assert all(end <= start for (_, end), (start, _) in pairwise(spans)), f"{name} has memory that overlaps"


def test_steps_that_are_no_rung_are_recorded_when_they_are_first_asked_for(bundle: Bundle) -> None:
    card, driver = opened(bundle, steps=4)
    card.step([HOUSE])
    card.step([replace(HOUSE, steps=7)])
    assert calls(driver.launched[-1], "enqueue").count("denoiser") == 7
    driver.log.clear()
    card.step([replace(HOUSE, steps=7)])
    assert driver.log.count("capture") <= 1  # the other one, with or without a tick


def test_a_card_that_hangs_is_waited_for_so_long_and_no_longer_and_the_cpu_goes_on(bundle: Bundle) -> None:
    card, driver = opened(bundle, wait_ms=20.0)
    said: list[str] = []
    player = Steadfast(card, lambda: Generator(bundle, seed=0), said.append)
    first = [player.step(HOUSE) for _ in range(5)]
    driver.hung = True
    chunk = player.step(HOUSE)
    assert len(said) == 1 and "after 20" in said[0] and said[0].endswith("the CPU goes on in its place")
    assert chunk.position_frames == 5 * player.chunk_frames and chunk.tick == pytest.approx(
        5 * 3840 / 48_000 * 124 / 15
    )
    assert player.engine.startswith("onnxruntime") and np.abs(player.step(HOUSE).frames).max() > 0.0
    assert first[0].frames.shape == chunk.frames.shape
    with pytest.raises(CardLost):
        card.step([HOUSE])
    assert len(said) == 1


def test_without_a_card_the_cpu_plays_and_a_line_says_so(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from legando.kernels.device import Gpu
    from legando.realtime.errors import LegandoError

    try:
        Gpu().close()
    except LegandoError:
        pass
    else:
        pytest.skip("this machine has a GPU")
    words = ["render", "--prompt", "house", "--seconds", "0.2", "--backend", "card", "--json"]
    assert main([*words, "--out", str(tmp_path / "a.wav")]) == 0
    told = capsys.readouterr()
    assert "the card cannot play: " in told.err and "falling back to ONNX Runtime on the CPU" in told.err
    assert json.loads(told.out)["engine"].startswith("onnxruntime")
