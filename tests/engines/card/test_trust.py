"""No back end plays before it has shown that it can: wrong, drifting and deaf ones are refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.agreement import CALLS
from legando.engines.bundle import Bundle
from legando.engines.card.torchstage import TorchStage, torch_networks
from legando.engines.card.trust import Distrust, Probe, first_trusted, prove
from legando.realtime.errors import LegandoError

Array = NDArray[Any]
Made = dict[str, Array]


@pytest.fixture(scope="module")
def stages(bundle: Bundle) -> dict[str, TorchStage]:
    made = torch_networks(bundle, streams=2)
    found = {"language": made.language, "denoiser": made.denoiser, "decoder": made.decoder}
    assert all(isinstance(stage, TorchStage) for stage in found.values())
    return found  # type: ignore[return-value]


@pytest.fixture
def reference(bundle: Bundle) -> Path:
    return bundle.file("reference.safetensors")


def spoilt(probe: Probe, spoil: Callable[[int, Mapping[str, Array], Made], None]) -> Probe:
    """A back end that computes once (so that the tests are quick) and then lies as `spoil` says."""
    kept: dict[bytes, Made] = {}
    calls = [0]

    def lie(given: Mapping[str, Array]) -> Made:
        key = b"".join(value.tobytes() for value in given.values())
        if key not in kept:
            kept[key] = dict(probe(given))
        made = {name: value.copy() for name, value in kept[key].items()}
        calls[0] += 1
        spoil(calls[0], given, made)
        return made

    return lie


@pytest.mark.parametrize("name", ["language", "denoiser", "decoder"])
def test_an_honest_network_is_trusted(stages: dict[str, TorchStage], reference: Path, name: str) -> None:
    assert prove(stages[name].probe, reference, name, calls=5) < 0.1, "far inside the tolerance"


def test_a_network_that_answers_otherwise_is_refused(stages: dict[str, TorchStage], reference: Path) -> None:
    def louder(call: int, given: Mapping[str, Array], made: Made) -> None:
        made["audio"] *= 1.1

    with pytest.raises(Distrust, match=r"the decoder's audio differs from its reference by .*, more than .* \(fp32\)"):
        prove(spoilt(stages["decoder"].probe, louder), reference, "decoder")

    def broken(call: int, given: Mapping[str, Array], made: Made) -> None:
        made["velocity"][0, 0, 0] = np.nan

    with pytest.raises(Distrust, match="velocity is not finite"):
        prove(spoilt(stages["denoiser"].probe, broken), reference, "denoiser")

    def other_tokens(call: int, given: Mapping[str, Array], made: Made) -> None:
        made["tokens"][0, 0] += 1

    liar = spoilt(stages["language"].probe, other_tokens)
    with pytest.raises(Distrust, match="tokens are not those of its reference"):
        prove(liar, reference, "language")
    assert prove(liar, reference, "language", precision="fp16") < 1.0, "a near tie may fall the other way"


def test_a_network_that_keeps_state_is_found_at_the_hundredth_call(
    stages: dict[str, TorchStage], reference: Path
) -> None:
    def drift(call: int, given: Mapping[str, Array], made: Made) -> None:
        if call == CALLS:
            made["audio"][0, 0, 5] += 1e-6

    with pytest.raises(Distrust, match="the decoder's audio drifts: call 100 differs from the first"):
        prove(spoilt(stages["decoder"].probe, drift), reference, "decoder")


@pytest.mark.parametrize("name", ["language", "denoiser", "decoder"])
def test_a_network_that_is_deaf_is_refused(stages: dict[str, TorchStage], reference: Path, name: str) -> None:
    first: list[Made] = []

    def deaf(call: int, given: Mapping[str, Array], made: Made) -> None:
        first.append({key: value.copy() for key, value in made.items()})
        made.update(first[0])

    with pytest.raises(Distrust, match="does not heed its"):
        prove(spoilt(stages[name].probe, deaf), reference, name)


def test_the_next_back_end_plays_and_a_line_says_why() -> None:
    said: list[str] = []

    def refuse() -> str:
        raise Distrust("the decoder's audio drifts")

    made = first_trusted([("tensorrt", refuse), ("torch", refuse), ("onnxruntime", lambda: "sound")], said.append)
    assert made == "sound"
    assert said == [
        "tensorrt cannot play: the decoder's audio drifts; falling back to torch",
        "torch cannot play: the decoder's audio drifts; falling back to onnxruntime",
    ]
    with pytest.raises(LegandoError, match="drifts"):
        first_trusted([("torch", refuse)], said.append)
