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

from legando.bench.hops import Hops

Describe = Callable[..., dict[str, float]]

ROUNDS = 300
WARM_UP_ROUNDS = 20
PACE_S = 0.001


@pytest.fixture(params=["ipc", "tcp", "curve", "ipc to 8"])
def hops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hops]:
    transport, _, listeners = request.param.partition(" to ")
    opened = Hops(transport, tmp_path, listeners=int(listeners or 1))
    yield opened
    opened.close()


@pytest.mark.parametrize("frames", [128, 3840])
def test_one_way_latency_beside_bare_libzmq(benchmark: Any, describe: Describe, hops: Hops, frames: int) -> None:
    noise = np.random.default_rng(1).standard_normal((frames, 2)).astype(np.float32)
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
    bare, bridge = (np.array(times[WARM_UP_ROUNDS:]) / 1e6 for times in (bare_us, bridge_us))
    assert len(bare) == len(bridge) == ROUNDS
    figures = describe(benchmark, bridge, name="bridge", frames=frames) | describe(benchmark, bare, name="bare")
    figures["ratio_p50"] = round(figures["bridge_p50_us"] / figures["bare_p50_us"], 2)
    figures["ratio_p99"] = round(figures["bridge_p99_us"] / figures["bare_p99_us"], 2)
    benchmark.extra_info.update(figures)
    # A wait, a copy of the queue or a poll that creeps into the path costs a millisecond, whatever the machine's load.
    assert figures["bridge_p50_us"] <= 3.0 * figures["bare_p50_us"] + 1000.0
