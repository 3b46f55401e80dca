"""Prompts for tests: a scene with a style, and what a reader has encoded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from legando.realtime.controls import STYLE_DIM
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.prompting import PromptReader
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.scene import Scene
from tests.realtime.tone_generator import make
from tests.waiting import until


@pytest.fixture
def reader() -> Iterator[PromptReader]:
    with PromptReader(make(None)) as opened:
        yield opened


def styled(name: str, tempo_bpm: float | None = None, usual_bpm: float = 100.0) -> StyledScene:
    scene = Scene(name=name, prompts=(Prompt(text=name),), tempo_bpm=tempo_bpm)
    return StyledScene(scene=scene, style=(len(name) / 100,) * STYLE_DIM, usual_tempo_bpm=usual_bpm)


def first_of(reader: PromptReader) -> StyledScene:
    found: list[StyledScene] = []

    def come() -> bool:
        found.extend(reader.take())
        return bool(found)

    until(come)
    return found[0]
