"""One-way latency of the bridge beside bare libzmq, chunk by chunk in the same run; `hops` has the method. [control]

Each round sends one bare and one legando chunk a millisecond apart, so that both meet the same machine. The timed
figure is publish, arrival and answer together; the one-way figures are in `extra_info`, in microseconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.bench.awake import awake
from legando.bench.hops import Hops

pytestmark = pytest.mark.alone

Describe = Callable[..., dict[str, float]]

ROUNDS = 300
WARM_UP_ROUNDS = 20
PACE_S = 0.001
WAYS = ["ipc", "tcp", "curve", "ipc to 8", "tcp to 8", "curve to 8"]
LIMIT = 1.5
"""What a hop may take, in hops of bare libzmq."""


@pytest.fixture
def hops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hops]:
    transport, _, listeners = request.param.partition(" to ")
    with awake():
        opened = Hops(transport, tmp_path, listeners=int(listeners or 1))
        yield opened
        opened.close()


def noise_of(frames: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((frames, 2)).astype(np.float32)


def put(
    describe: Describe, benchmark: Any, bare_us: list[float], bridge_us: list[float], frames: int
) -> dict[str, float]:
    """Put the figures of both ways and their ratios into the table and the history."""
    bare, bridge = (np.array(times[WARM_UP_ROUNDS:]) / 1e6 for times in (bare_us, bridge_us))
    assert len(bare) == len(bridge)
    figures = describe(benchmark, bridge, name="bridge", frames=frames) | describe(benchmark, bare, name="bare")
    for rank in ("p50", "p99"):
        figures[f"ratio_{rank}"] = round(figures[f"bridge_{rank}_us"] / figures[f"bare_{rank}_us"], 2)
    benchmark.extra_info.update(figures)
    return figures


@pytest.mark.parametrize(
    ("hops", "frames"), [*((way, 128) for way in WAYS), ("ipc", 3840), ("tcp", 3840)], indirect=["hops"]
)
def test_one_way_latency_beside_bare_libzmq(benchmark: Any, describe: Describe, hops: Hops, frames: int) -> None:
    noise = noise_of(frames)
    bare_us: list[float] = []
    bridge_us: list[float] = []

    def bare_first() -> None:
        time.sleep(PACE_S)
        bare_us.append(hops.bare_hop_us(noise))
        time.sleep(PACE_S)

    benchmark.group = f"bridge hop, {frames} frames"
    benchmark.pedantic(
        lambda: bridge_us.append(hops.hop_us(noise)),
        setup=bare_first,
        rounds=ROUNDS,
        iterations=1,
        warmup_rounds=WARM_UP_ROUNDS,
    )
    figures = put(describe, benchmark, bare_us, bridge_us, frames)
    # A wait, a copy of the queue or a poll that creeps into the path costs a millisecond, whatever the machine's load.
    assert figures["bridge_p50_us"] <= 3.0 * figures["bare_p50_us"] + 1000.0


@pytest.mark.soak
@pytest.mark.parametrize("hops", WAYS, indirect=True)
def test_a_hop_takes_at_most_half_as_long_again_as_bare_libzmq(
    benchmark: Any, describe: Describe, hops: Hops, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """5,000 of each: half of the chunks at least, and the slowest of a hundred."""
    noise = noise_of(128)
    bare_us: list[float] = []
    bridge_us: list[float] = []

    def both() -> None:
        time.sleep(PACE_S)
        bare_us.append(hops.bare_hop_us(noise))
        time.sleep(PACE_S)
        bridge_us.append(hops.hop_us(noise))

    benchmark.pedantic(both, rounds=5000, iterations=1, warmup_rounds=WARM_UP_ROUNDS)
    figures = put(describe, benchmark, bare_us, bridge_us, 128)
    tails = [np.percentile(times[WARM_UP_ROUNDS:], 99.9, method="inverted_cdf") for times in (bridge_us, bare_us)]
    with capsys.disabled():
        print(
            f"\n{request.node.callspec.id}, µs p50/p99/p99.9: "
            f"bridge {figures['bridge_p50_us']:.0f}/{figures['bridge_p99_us']:.0f}/{tails[0]:.0f}, "
            f"bare {figures['bare_p50_us']:.0f}/{figures['bare_p99_us']:.0f}/{tails[1]:.0f}, "
            f"ratio {figures['ratio_p50']}/{figures['ratio_p99']}/{tails[0] / tails[1]:.2f}"
        )
    assert figures["ratio_p50"] <= LIMIT and figures["ratio_p99"] <= LIMIT
