"""Engines on disk: whatever is stale, foreign, cut short or damaged is a miss, and is built again; never a crash."""

from __future__ import annotations

import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from legando.engines.bundle import Bundle
from legando.engines.compiled.key import digest_of, make_key, stem_of
from legando.engines.compiled.kinds import Written
from legando.engines.compiled.library import EngineError
from legando.engines.compiled.provide import Made
from legando.engines.compiled.store import ENGINE, LOCK, PART, SIDECAR, Store
from tests.engines.compiled.conftest import StandInLibrary, only
from tests.engines.compiled.stored import builder, damage, make

NOBODY = 65534


@pytest.fixture(autouse=True)
def written_once(written: Callable[..., Written], monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the network of these tests once, not at each miss."""

    def write(_: Bundle, network: str, *, batch: int, precision: str) -> Written:
        return written(network, batch=batch, precision=precision)

    monkeypatch.setattr("legando.engines.compiled.provide.write_for_card", write)


def test_the_second_time_it_comes_from_the_cache_to_the_byte(
    shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    first, second = make(shipped, library, tmp_path), make(shipped, library, tmp_path)
    assert (first.hit, second.hit, len(library.builds)) == (False, True, 1)
    assert first.engine == second.engine
    told = json.loads(only(tmp_path, SIDECAR).read_text())
    assert told["key"]["version"] == "1.0" and told["key_sha256"] == digest_of(first.key)
    assert told["inputs"]["keys"] == [[5, 1, 6, 128, 32], "float32"] and told["bundle"]["hash"] == shipped.hash
    assert not list(tmp_path.glob(f".*{PART}"))


@pytest.mark.parametrize("how", ["bit", "truncated", "longer", "empty", "missing"])
@pytest.mark.parametrize("suffix", [ENGINE, SIDECAR])
def test_damage_is_a_miss_and_is_mended(
    how: str, suffix: str, shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    good = make(shipped, library, tmp_path)
    damage(only(tmp_path, suffix), how)
    before = only(tmp_path, SIDECAR).read_bytes() if suffix == ENGINE else b""
    said: list[str] = []
    again = make(shipped, library, tmp_path, said)
    assert again.engine == good.engine
    whole = suffix == SIDECAR and how == "longer"  # JSON ends where it ends, but for what is not white
    if not (whole and again.hit):
        assert not again.hit and len(library.builds) == 2
        assert how == "missing" or (len(said) == 1 and said[0].endswith("; it is built again")), said
    assert make(shipped, library, tmp_path).hit
    assert before == b"" or json.loads(before)["engine"] == json.loads(only(tmp_path, SIDECAR).read_text())["engine"]


LIES: dict[str, dict[str, object]] = {
    "another engine's digest": {"engine": {"bytes": 65614, "sha256": "0" * 64}},
    "no digest": {"engine": {}},
    "digest of a wrong type": {"engine": {"bytes": "many", "sha256": None}},
    "engine is a list": {"engine": []},
    "key of another version": {"key": {"version": "0.9"}},
    "key is text": {"key": "portable"},
    "no key": {"key": None},
}


@pytest.mark.parametrize("lie", LIES)
def test_a_sidecar_that_lies_is_a_miss(lie: str, shipped: Bundle, library: StandInLibrary, tmp_path: Path) -> None:
    good = make(shipped, library, tmp_path)
    sidecar = only(tmp_path, SIDECAR)
    told = json.loads(sidecar.read_text())
    for field, value in LIES[lie].items():
        told[field] = {**told[field], **value} if field == "key" and isinstance(value, dict) else value
    sidecar.write_text(json.dumps(told))
    assert [entry.wrong for entry in Store(tmp_path).entries(deep=True)] != [""]
    again = make(shipped, library, tmp_path)
    assert not again.hit and again.engine == good.engine and make(shipped, library, tmp_path).hit


@pytest.mark.parametrize("junk", [b"\xff\xfe", b"[1, 2]", b"null", b"{" * 100_000, b" " * 2_000_000])
def test_a_sidecar_of_junk_is_a_miss(junk: bytes, shipped: Bundle, library: StandInLibrary, tmp_path: Path) -> None:
    make(shipped, library, tmp_path)
    only(tmp_path, SIDECAR).write_bytes(junk)
    assert not make(shipped, library, tmp_path).hit and make(shipped, library, tmp_path).hit


def test_every_part_of_the_key_makes_another_engine(shipped: Bundle, library: StandInLibrary) -> None:
    base = make_key(shipped, "decoder", batch=1, precision="mixed", library=library, target="portable")
    manifest = json.loads(json.dumps(dict(shipped.manifest)))
    manifest["files"]["weights.safetensors"]["sha256"] = "0" * 64
    other_weights = replace(shipped, manifest=manifest)
    manifest = json.loads(json.dumps(dict(shipped.manifest)))
    manifest["files"]["decoder.onnx"]["sha256"] = "0" * 64
    other_graph = replace(shipped, manifest=manifest)

    def key(bundle: Bundle = shipped, network: str = "decoder", **changed: object) -> dict[str, object]:
        facts = {"batch": 1, "precision": "mixed", "library": library, "target": "portable", **changed}
        return make_key(bundle, network, **facts)  # type: ignore[arg-type]

    others = [
        key(other_weights), key(other_graph), key(network="memory"), key(batch=2), key(precision="half"),
        key(library=StandInLibrary("1.1")), key(target="sm_89"),
    ]  # fmt: skip
    digests = {digest_of(each) for each in (base, key(), *others)}
    assert len(digests) == 1 + len(others)
    assert len({stem_of(each) for each in (base, *others)}) == 1 + len(others)


def test_an_engine_of_another_version_is_not_taken(shipped: Bundle, tmp_path: Path) -> None:
    make(shipped, StandInLibrary("1.0"), tmp_path)
    newer = StandInLibrary("1.1")
    assert not make(shipped, newer, tmp_path).hit and newer.builds == ["portable"]


def test_two_at_once_build_once_and_the_second_says_that_it_waits(shipped: Bundle, tmp_path: Path) -> None:
    class Slow(StandInLibrary):
        __slots__ = ()

        def build(self, *given: object, **named: object) -> bytes:
            time.sleep(1.0)
            return super().build(*given, **named)  # type: ignore[arg-type]

    library, said, made = Slow(), list[str](), list[Made]()
    threads = [threading.Thread(target=lambda: made.append(make(shipped, library, tmp_path, said))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(library.builds) == 1 and sorted(m.hit for m in made) == [False, True]
    assert said == [f"waiting for another process (process {os.getpid()}) that builds {made[0].stem}"]


def test_a_builder_killed_in_the_middle_leaves_a_miss_and_its_part_is_swept(
    shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    key = make_key(shipped, "language", batch=1, precision="fp32", library=library, target="portable")
    with builder(tmp_path, stem_of(key)) as process:
        told: list[str] = []
        with (
            pytest.raises(EngineError, match=f"process {process.pid}.*has held"),
            Store(tmp_path).lock(stem_of(key), told.append, wait_s=0.2),
        ):
            raise AssertionError("the lock is held by another")
        assert told and str(process.pid) in told[0]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(tmp_path.glob(f".*{PART}"))
        assert not make(shipped, library, tmp_path).hit
    assert not list(tmp_path.glob(f".*{PART}")) and make(shipped, library, tmp_path).hit


@contextmanager
def as_nobody() -> Iterator[None]:
    """Be a user without rights, where the tests run as root, whom no permission stops."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_cache_that_cannot_be_written_costs_time_and_says_so(
    shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    make(shipped, library, folder, batch=2)
    for path in (tmp_path, *tmp_path.parents):
        if not path.stat().st_mode & 0o001:
            path.chmod(0o755)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    said: list[str] = []
    try:
        key = make_key(shipped, "language", batch=1, precision="fp32", library=library, target="portable")
        with as_nobody():
            store = Store(folder)
            with store.lock(stem_of(key)) as held:
                assert not held
                said.append(store.put(key, b"engine", {}))
            two = make_key(shipped, "language", batch=2, precision="fp32", library=library, target="portable")
            assert store.find(two)[0] is not None  # reading goes on
    finally:
        folder.chmod(0o755)
    assert said == [f"the engine cannot be kept in {folder}: Permission denied; it will be built again next time"]


def test_a_folder_that_cannot_be_made_gives_the_engine_all_the_same(
    shipped: Bundle, library: StandInLibrary, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    said: list[str] = []
    made = make(shipped, library, tmp_path / "file" / "cache", said)
    assert not made.hit and made.engine.startswith(b"stand-in")
    assert len(said) == 1 and "cannot be kept" in said[0]


def test_a_full_disk_leaves_nothing_that_looks_whole(shipped: Bundle, library: StandInLibrary, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    said: list[str] = []
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))  # no file may grow beyond: write() fails as when full
    try:
        made = make(shipped, library, tmp_path, said)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert made.engine.startswith(b"stand-in") and "cannot be kept" in said[0]
    assert [path.suffix for path in tmp_path.iterdir()] == [LOCK]
    assert not make(shipped, library, tmp_path).hit and make(shipped, library, tmp_path).hit
