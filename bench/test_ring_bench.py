"""The ring: what a write and a read cost, and how long a block takes from process to process."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from legando.bench.awake import awake
from legando.bench.suite_ring import ring_hops_us
from legando.realtime.playing.playback import Playback
from legando.realtime.ring import ReadStatus, Ring

pytestmark = pytest.mark.alone

Describe = Callable[..., dict[str, float]]

ROUNDS = 400


@pytest.fixture
def ring() -> Iterator[Ring]:
    with Ring.create() as ring:
        yield ring


@pytest.mark.parametrize("frames", [128, 3840])
def test_write_and_read(benchmark: Any, describe: Describe, ring: Ring, frames: int) -> None:
    block = np.ones((frames, 2), dtype=np.float32)
    out = np.zeros_like(block)

    def hop() -> ReadStatus:
        return ring.read_into(out, ring.write(block) - frames)

    assert benchmark.pedantic(hop, rounds=ROUNDS, iterations=1, warmup_rounds=20) is ReadStatus.OK
    describe(benchmark)


@pytest.mark.parametrize("frames", [64, 128, 256])
def test_player_block(benchmark: Any, describe: Describe, ring: Ring, frames: int) -> None:
    """All that the player's callback does for one block, while the level moves."""
    playback = Playback(ring, prefill_frames=1)
    block, out = np.ones((frames, 2), dtype=np.float32), np.zeros((frames, 2), dtype=np.float32)

    def prepare() -> tuple[tuple[npt.NDArray[np.float32]], dict[str, Any]]:
        ring.write(block)
        ring.level = 0.5 if ring.level == 1.0 else 1.0
        return (out,), {}

    benchmark.pedantic(playback.process, setup=prepare, rounds=ROUNDS, warmup_rounds=20)
    describe(benchmark)
    assert ring.underruns == 0


@pytest.mark.parametrize("frames", [128, 3840])
def test_hop_from_process_to_process(benchmark: Any, describe: Describe, ring: Ring, frames: int) -> None:
    """From before the write in one process to after the read in another, which looks every 50 us."""
    rounds = ROUNDS // 2
    hops = ring_hops_us(ring, frames, rounds)
    latencies: list[float] = []
    with awake():
        benchmark.pedantic(lambda: latencies.append(next(hops)[1] / 1e6), rounds=rounds, iterations=1)
    assert next(hops, None) is None and len(latencies) == rounds
    describe(benchmark, latencies[10:])
