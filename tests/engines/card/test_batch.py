"""A stream in a batch is the stream alone, whoever plays beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.card.batch import BatchGenerator
from legando.engines.card.torchstage import torch_networks
from legando.engines.generator import Generator
from legando.realtime.controls import NoteEvent
from legando.realtime.errors import LegandoError
from tests.engines.card.conftest import HOUSE

PERFORMERS = (
    HOUSE,
    replace(HOUSE, tempo_bpm=171.0, held=(57, 60, 64), guidance=2.0, space=1.0, drive=1.0),
    replace(HOUSE, tempo_bpm=90.0, style=(0.0, 1.0, *HOUSE.style[2:]), temperature=0.5),
    replace(HOUSE, tempo_bpm=231.0, guidance=0.0, notes=(NoteEvent(offset_frames=9, pitch=70, velocity=0.7),)),
)
CHUNKS = 6


@pytest.mark.parametrize("streams", [1, 2, 4])
def test_a_stream_in_a_batch_is_the_stream_alone(bundle: Bundle, streams: int) -> None:
    batch = BatchGenerator(bundle, range(streams), networks=torch_networks(bundle, streams=streams))
    alone = [Generator(bundle, seed=seed) for seed in range(streams)]
    for _ in range(CHUNKS):
        chunks = batch.step(PERFORMERS[:streams])
        for mine, one, controls in zip(chunks, alone, PERFORMERS, strict=False):
            theirs = one.step(controls)
            assert mine.tokens == theirs.tokens and mine.position_frames == theirs.position_frames
            np.testing.assert_allclose(mine.frames, theirs.frames, atol=1e-4)
    if streams > 1:
        assert np.abs(chunks[0].frames - chunks[1].frames).max() > 1e-3, "each plays music of its own"


def test_all_streams_take_as_few_steps_as_any_asks_for(bundle: Bundle) -> None:
    def play(*steps: int | None) -> float:
        batch = BatchGenerator(bundle, [1, 2], networks=torch_networks(bundle, streams=2))
        return float(batch.step([replace(HOUSE, steps=n) for n in steps])[0].frames.sum())

    assert play(None, 1) == play(1, 1) != play(2, None)


def test_networks_of_another_size_are_refused(bundle: Bundle) -> None:
    with pytest.raises(LegandoError, match="3 streams need torch networks of as many; these have 2 rows"):
        BatchGenerator(bundle, range(3), networks=torch_networks(bundle, streams=2))
