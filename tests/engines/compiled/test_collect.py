"""The collector: what nothing wants goes when it is old or room is short, damage at once, nothing that is locked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from legando.engines.bundle import Bundle
from legando.engines.compiled.collect import DAY_S, collect, why_unwanted
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.store import ENGINE, PART, Store
from tests.engines.compiled.conftest import StandInLibrary
from tests.engines.compiled.stored import builder, damage, make


@pytest.fixture(autouse=True)
def written_once(written: Callable[..., Written], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the network of these tests once, not at each miss."""

    def write(_: Bundle, network: str, *, batch: int, precision: str) -> Written:
        return written(network, batch=batch, precision=precision)

    monkeypatch.setattr("legando.engines.compiled.provide.write_for_card", write)


def fill(shipped: Bundle, folder: Path) -> dict[str, str]:
    """Make three engines of 1.0 and one of 0.9, used 4, 3, 2 and 1 days ago; return their stems by name."""
    now = time.time()
    made = {}
    for days, (name, version, batch) in enumerate(
        [("c", "0.9", 1), ("b", "1.0", 4), ("a", "1.0", 2), ("old", "1.0", 1)], start=1
    ):
        stem = make(shipped, StandInLibrary(version), folder, batch=batch).stem
        os.utime(folder / f"{stem}{ENGINE}", (now - days * DAY_S,) * 2)
        made[name] = stem
    return made


def gone(store: Store, shipped: Bundle, *, days: float = 30.0, space: float = 1e9, dry: bool = False) -> dict[str, str]:
    versions: dict[str, str | None] = {"tensorrt_rtx": "1.0", "tensorrt": None}
    removals = collect(store, lambda key: why_unwanted(key, [shipped], versions), days=days, max_bytes=space, dry=dry)
    return {removal.stem: removal.kept or removal.reason for removal in removals}


def test_the_collector_takes_what_nothing_wants_when_it_is_old(shipped: Bundle, tmp_path: Path) -> None:
    made, store = fill(shipped, tmp_path), Store(tmp_path)
    assert gone(store, shipped) == {}
    assert list(gone(store, shipped, days=0, dry=True)) == [made["c"]] and len(store.entries()) == 4
    assert gone(store, shipped, days=0) == {made["c"]: "tensorrt_rtx is now 1.0, it was 0.9; last used 1 days ago"}
    assert {entry.stem for entry in store.entries()} == {made["a"], made["b"], made["old"]}
    assert not list(tmp_path.glob(f"{made['c']}*"))


def test_the_collector_makes_room_unwanted_first_then_what_was_used_longest_ago(
    shipped: Bundle, tmp_path: Path
) -> None:
    made, store = fill(shipped, tmp_path), Store(tmp_path)
    size = store.entries()[0].bytes
    assert set(gone(store, shipped, space=2.5 * size)) == {made["c"], made["old"]}


def test_the_collector_takes_damage_at_once_but_nothing_that_is_locked(shipped: Bundle, tmp_path: Path) -> None:
    made, store = fill(shipped, tmp_path), Store(tmp_path)
    for name in ("a", "b"):
        damage(tmp_path / f"{made[name]}{ENGINE}", "truncated")
    part = tmp_path / f".left.x{PART}"
    part.write_bytes(b"old")
    os.utime(part, (0, 0))
    with builder(tmp_path, made["a"]):
        found = gone(store, shipped)
    assert found[made["a"]] == "a process is building it" and "bytes, its sidecar says" in found[made["b"]]
    assert (tmp_path / f"{made['a']}{ENGINE}").exists() and not (tmp_path / f"{made['b']}{ENGINE}").exists()
    assert not part.exists()


def test_the_collector_survives_a_folder_that_is_not_there(shipped: Bundle, tmp_path: Path) -> None:
    assert gone(Store(tmp_path / "nowhere"), shipped) == {}
