"""Device networks and recorded graphs, put to the proof before they play. [control]"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from legando.engines.agreement import CALLS
from legando.engines.card.chunkgraph import ChunkGraph, Variant
from legando.engines.card.modules import PAST
from legando.engines.card.network import CardNetworks, DeviceNetwork
from legando.engines.card.trust import Distrust, Probe, prove
from legando.engines.drive import GAIN
from legando.engines.room import SEND
from legando.kernels.device import Device, Memory

Array = NDArray[Any]


def axis_of(name: str) -> int:
    """Return which axis counts streams: the second of states that have layers or blocks first. [any]"""
    return 1 if name.removesuffix("_out") in (*PAST, "keys", "values", "state") else 0


def probe_of(network: DeviceNetwork, device: Device) -> Probe:
    """Return a network as a function of one stream's inputs, over memory of its own; bind it anew afterwards."""
    given: dict[str, Memory] = {name: device.array(*about) for name, about in network.inputs.items()}
    made: dict[str, Memory] = {name: device.array(*about) for name, about in network.outputs.items()}
    for name, memory in (given | made).items():
        network.bind(name, memory.address)

    def probe(values: Mapping[str, Array]) -> dict[str, Array]:
        for name, memory in given.items():
            shape, dtype = network.inputs[name]
            memory.write(np.broadcast_to(values.get(name, np.zeros((), dtype)), shape).astype(dtype))
        device.enqueue(network)
        device.sync()
        rows: dict[str, Array] = {}
        for name, memory in made.items():
            value = memory.read()
            rows[name] = np.take(value, [value.shape[axis_of(name)] - 1], axis=axis_of(name))
        return rows

    return probe


def prove_networks(networks: CardNetworks, device: Device, reference: Path, *, calls: int = CALLS) -> dict[str, float]:
    """Prove the networks of a card, one by one; return the error of each as a share of what is allowed.

    Raises Distrust. Their addresses are to be bound anew.
    """
    parts = {"language": "language", "denoiser": "denoiser", "memory": "denoiser", "decoder": "decoder"}
    return {
        name: prove(
            probe_of(getattr(networks, name), device),
            reference,
            prefix,
            precision=networks.precision,
            calls=calls,
            outputs=tuple(getattr(networks, name).outputs),
        )
        for name, prefix in parts.items()
    }


def prove_graph(graph: ChunkGraph, variant: Variant) -> None:
    """Make two chunks with a recorded graph and without it; they must be alike to the bit, and sound. [control]

    A decode that was lost when it was recorded shows here. Leaves the graph reset.
    """
    made = []
    for recorded in (True, False):
        graph.reset()
        random = np.random.default_rng(7)
        records = graph.conditioning.records.host
        records.fill(0)
        frames = records[:, : graph.latents * 100].view(np.float32)
        frames[...] = random.random(frames.shape, np.float32)
        graph.sampler.write_controls(list(range(graph.streams)), [0] * graph.streams)
        graph.begin()
        graph.device.sync()
        chunks = []
        for _ in range(2):
            graph.drive.write_controls([GAIN] * graph.streams)
            graph.room.write_controls([SEND] * graph.streams)
            sequence = graph.seam.write_controls(1.0)
            if recorded:
                graph.graphs[variant].launch()
            else:
                graph.record_chunk(variant)
            chunks.append(graph.seam.wait(sequence)[0].copy())
            graph.device.sync()
        made.append(np.stack(chunks))
    graph.conditioning.records.host.fill(0)
    graph.reset()
    if not np.isfinite(made[0]).all() or not np.abs(made[1]).max() > 1e-4:
        raise Distrust("a chunk made without a graph is silent or not finite")
    if not np.array_equal(made[0], made[1]):
        apart = float(np.abs(made[0] - made[1]).max())
        raise Distrust(f"the recorded graph of {variant[0]} steps differs from the same launches by {apart:.2g}")
