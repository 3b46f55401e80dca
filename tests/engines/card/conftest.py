"""A small bundle for all tests of this folder, and torch on one thread: two would wait for each other on a busy CPU."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from legando.engines.bundle import Bundle
from legando.realtime.controls import Controls
from tests.engines.networks import small_bundle

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "small")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
