"""The ring: order, wrap, overrun, crash of the writer, and what is left behind."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.errors import LegandoError
from legando.realtime.ring import (
    CLOSING,
    FINISHED,
    Frames,
    PlayerState,
    ReadStatus,
    Ring,
    clean_stale_rings,
    ring_folder,
)


def ramp(start: int, count: int) -> Frames:
    """Return frames that say where they are: exact up to 2**24."""
    index = np.arange(start, start + count, dtype=np.float32)
    return np.stack([index, -index], axis=1)


@settings(max_examples=60, deadline=None)
@given(blocks=st.lists(st.integers(0, 128), max_size=40), size=st.integers(1, 128))
def test_what_is_written_is_read_back_in_order(blocks: list[int], size: int) -> None:
    with Ring.create(capacity_frames=256) as ring, Ring.attach(ring.name) as reader:
        position, out = 0, np.zeros((size, 2), dtype=np.float32)
        for count in blocks:
            written = ring.write(ramp(ring.written_frames, count))
            while (status := reader.read_into(out, position)) is ReadStatus.OK:
                assert np.array_equal(out, ramp(position, size))
                position += size
            assert status is ReadStatus.EMPTY and position <= written < position + size
        assert reader.written_frames == sum(blocks)


@settings(max_examples=60, deadline=None)
@given(written=st.integers(0, 64), position=st.integers(0, 1000), size=st.integers(1, 128))
def test_a_read_says_exactly_whether_its_frames_are_there(written: int, position: int, size: int) -> None:
    with Ring.create(capacity_frames=128) as ring:
        for _ in range(written):
            ring.write(ramp(ring.written_frames, 13))
        out = np.full((size, 2), np.nan, dtype=np.float32)
        status = ring.read_into(out, position)
        if position + size > ring.written_frames:
            assert status is ReadStatus.EMPTY and np.all(np.isnan(out))
        elif position < ring.oldest_frames:
            assert status is ReadStatus.LOST
        else:
            assert status is ReadStatus.OK and np.array_equal(out, ramp(position, size))


def test_a_block_overwritten_during_the_copy_is_reported_lost() -> None:
    """The writer strikes between the reader's first look and its copy: only the second look can tell."""
    with Ring.create(capacity_frames=64) as ring:
        ring.write(ramp(0, 32))
        out = np.zeros((32, 2), dtype=np.float32)

        class Struck(np.ndarray[tuple[int, int], np.dtype[np.float32]]):
            def __setitem__(self, key: Any, value: Any) -> None:
                for _ in range(2):
                    ring.write(ramp(ring.written_frames, 32))
                super().__setitem__(key, value)

        assert ring.read_into(out, 0) is ReadStatus.OK
        assert ring.read_into(out.view(Struck), 0) is ReadStatus.LOST


def test_frames_under_a_writer_that_died_halfway_are_not_trusted() -> None:
    with Ring.create(capacity_frames=64) as ring:
        ring.write(ramp(0, 32))
        ring.write(ramp(32, 32))
        ring._words[16] = 64 + 20  # it had reserved 20 frames and died in the copy
        out = np.zeros((8, 2), dtype=np.float32)
        assert ring.read_into(out, 12) is ReadStatus.LOST
        assert ring.read_into(out, 20) is ReadStatus.OK
        ring.write(ramp(64, 8))  # its successor writes less
        assert ring.read_into(out, 12) is ReadStatus.LOST
        assert ring.read_into(out, 64) is ReadStatus.OK and np.array_equal(out, ramp(64, 8))


WRITE_FLAT_OUT = """
import sys
import numpy as np
from legando.realtime.ring import Ring
with Ring.attach(sys.argv[1]) as ring:
    while (at := ring.written_frames) < 4_000_000:
        index = np.arange(at, at + 100, dtype=np.float32)
        ring.write(np.stack([index, -index], axis=1))
"""


def test_a_reader_in_another_process_never_gets_a_torn_block() -> None:
    """The writer never waits, so the reader is overrun again and again; what it accepts must be whole."""
    with (
        Ring.create(capacity_frames=512) as ring,
        subprocess.Popen([sys.executable, "-c", WRITE_FLAT_OUT, ring.name]) as writer,
    ):
        out, good, lost, position = np.zeros((64, 2), dtype=np.float32), 0, 0, 0
        while writer.poll() is None:
            for _ in range(1000):
                status = ring.read_into(out, position)
                if status is ReadStatus.OK:
                    assert np.array_equal(out, ramp(position, 64))
                    good += 1
                    position += 64
                elif status is ReadStatus.LOST:
                    lost += 1
                    position = ring.oldest_frames
        assert writer.returncode == 0
        assert good > 100 and lost > 0


def test_counters_and_flags_cross() -> None:
    with Ring.create(sample_rate_hz=44_100, channels=1, capacity_frames=1024) as ring, Ring.attach(ring.name) as other:
        assert (other.sample_rate_hz, other.channels, other.capacity_frames) == (44_100, 1, 1024)
        assert (other.level, other.flags, other.player_state) == (1.0, 0, PlayerState.ABSENT)
        ring.write(np.zeros((100, 1), dtype=np.float32))
        other.publish(played_frames=40, underruns=3, concealed_frames=9, skipped_frames=5, state=PlayerState.PLAYING)
        other.publish_callback(cost_ns=70, xrun=True)
        other.publish_callback(cost_ns=50, xrun=False)
        other.peaks, other.latency_ns, ring.level = (0.5, 0.25), 12, 0.75
        assert (ring.lead_frames, ring.played_frames, ring.underruns, ring.concealed_frames) == (60, 40, 3, 9)
        assert (ring.skipped_frames, ring.xruns, ring.callbacks, ring.callback_max_ns) == (5, 1, 2, 70)
        assert (ring.peaks, ring.latency_ns, other.level) == ((0.5, 0.25), 12, 0.75)
        assert ring.player_state is PlayerState.PLAYING and ring.played_at_ns > 0 and ring.written_at_ns > 0
        ring.finish()
        assert other.flags == FINISHED
        ring.request_stop()
        assert other.flags == FINISHED | CLOSING


def test_nothing_is_left_after_close_and_readers_see_the_end() -> None:
    ring = Ring.create(capacity_frames=1024)
    with Ring.attach(ring.name) as reader:
        ring.close()
        ring.close()
        assert not (ring_folder() / ring.name).exists()
        assert reader.flags & CLOSING
        with pytest.raises(LegandoError, match="cannot be opened"):
            Ring.attach(ring.name)


@pytest.mark.alone
def test_the_ring_of_a_killed_process_is_cleaned_and_a_living_one_is_kept() -> None:
    program = "import os; from legando.realtime.ring import Ring; print(Ring.create().name, flush=True); os.abort()"
    died = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, timeout=30)
    stale = ring_folder() / died.stdout.strip()
    assert died.returncode < 0 and stale.exists()
    with Ring.create(capacity_frames=1024) as living:  # creating cleans
        assert not stale.exists()
        clean_stale_rings()
        assert (ring_folder() / living.name).exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"capacity_frames": 1000}, "power of two"),
        ({"channels": 0}, "0 channels"),
        ({"run_id": "../etc"}, "cannot name a ring"),
        ({"capacity_frames": 1 << 50}, "free some room"),
    ],
)
def test_a_ring_that_cannot_be_made_is_refused_in_one_sentence(arguments: dict[str, int], sentence: str) -> None:
    before = set(ring_folder().iterdir())
    with pytest.raises(LegandoError, match=sentence):
        Ring.create(**arguments)  # type: ignore[arg-type]
    assert not {path for path in set(ring_folder().iterdir()) - before if path.name.startswith("legando-None")}


def test_two_rings_of_one_name_are_refused() -> None:
    with Ring.create(run_id="twice"), pytest.raises(LegandoError, match="File exists"):
        Ring.create(run_id="twice")


def test_a_file_that_is_no_ring_is_refused() -> None:
    path = ring_folder() / "legando-foreign.ring"
    path.write_bytes(b"x" * 10_000)
    try:
        with pytest.raises(LegandoError, match="is not a ring of version"):
            Ring.attach(path.name)
        with pytest.raises(LegandoError, match="not the name of a ring"):
            Ring.attach("../../etc/passwd")
    finally:
        path.unlink(missing_ok=True)
