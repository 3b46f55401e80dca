"""What must be refused: engines that drift, that say the same whatever they are asked, that are wrong by little."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.bundle import Bundle
from legando.engines.compiled.host import HostNetwork
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.library import EngineError
from legando.engines.compiled.proof import Bench, prove
from legando.kernels.shimdevice import Shim

Array = NDArray[Any]


class Spoilt:
    """A network that is honest but for what `spoil` does to its memory before or after each run."""

    def __init__(self, written: Written, spoil: Callable[[Spoilt], None], *, before: bool = False) -> None:
        self._inner, self._spoil, self._before = HostNetwork(written), spoil, before
        self.inputs, self.outputs = written.inputs, written.outputs
        self.at: dict[str, Array] = {}
        self.runs = 0

    def bind(self, name: str, address: int) -> None:
        shape, dtype = {**self.inputs, **self.outputs}[name]
        size = int(np.prod(shape)) * dtype.itemsize
        raw = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(address))
        self.at[name] = raw.view(dtype).reshape(shape)
        self._inner.bind(name, address)

    def enqueue(self, stream: int) -> None:
        self.runs += 1
        if self._before:
            self._spoil(self)
        self._inner.enqueue(stream)
        if not self._before:
            self._spoil(self)


def drifts(network: Spoilt) -> None:
    network.at["logits"][0, 0] += 1e-6 * network.runs * (network.runs > 3)


def wrong_by_little(network: Spoilt) -> None:
    network.at["logits"][...] *= 1.02


def deaf(network: Spoilt) -> None:
    network.at["style"][...] = 0.0


def broken(network: Spoilt) -> None:
    network.at["keys_out"][0, 0, 0, 0, 0] = np.nan


def swapped(network: Spoilt) -> None:
    network.at["logits"][...] = network.at["logits"][::-1].copy()


def other_tokens(network: Spoilt) -> None:
    network.at["tokens"][-1, 0] += 1


@pytest.mark.parametrize(
    ("spoil", "before", "batch", "words"),
    [
        (drifts, False, 1, "logits drifts: call 10 differs from the first"),
        (wrong_by_little, False, 1, "logits differs from the CPU's by"),
        (deaf, True, 1, "logits does not heed its style"),
        (broken, False, 1, "keys_out is not finite"),
        (swapped, False, 2, "logits differs from the CPU's by"),
        (other_tokens, False, 2, "tokens are not those of the CPU"),
    ],
)
def test_a_network_that_lies_is_refused_in_one_sentence(
    spoil: Callable[[Spoilt], None],
    before: bool,
    batch: int,
    words: str,
    shipped: Bundle,
    written: Callable[..., Written],
) -> None:
    model = written("language", batch=batch)
    bench = Bench(Spoilt(model, spoil, before=before), Shim())
    with pytest.raises(EngineError, match=words) as refusal:
        prove(shipped, "language", bench, batch=batch, precision="fp32", calls=10)
    assert "\n" not in str(refusal.value)


def test_the_honest_one_passes_a_hundred_calls(shipped: Bundle, written: Callable[..., Written]) -> None:
    network = Spoilt(written("language"), lambda _: None)
    assert prove(shipped, "language", Bench(network, Shim()), batch=1, precision="fp32").worst < 0.01
    assert network.runs > 100


def test_a_decoder_that_plays_what_it_played_before_is_refused(
    shipped: Bundle, written: Callable[..., Written]
) -> None:
    """As when the decode is lost from a captured graph: the same sound again and again, and no error."""
    kept: list[Array] = []

    def same_again(network: Spoilt) -> None:
        kept.append(network.at["audio"].copy())
        network.at["audio"][...] = kept[0]

    bench = Bench(Spoilt(written("decoder"), same_again), Shim())
    with pytest.raises(EngineError, match="audio does not heed its latents"):
        prove(shipped, "decoder", bench, batch=1, precision="mixed", calls=2)
