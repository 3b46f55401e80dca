"""What the player does to each block: bit-exact when all is well, smooth when it is not."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from legando.realtime.playing.playback import Playback
from legando.realtime.ring import Frames, PlayerState, Ring

RATE_HZ = 48_000
BLOCK = 128
SINE_STEP = 2 * np.pi * 220 / RATE_HZ
"""The largest step between two samples of the test tone of amplitude 1."""
FADE_STEP = np.pi / 2 / 240
"""The largest step of the 5 ms fade: the steepest slope in the player."""


@pytest.fixture
def ring() -> Iterator[Ring]:
    with Ring.create(capacity_frames=1 << 15) as ring:
        yield ring


def tone(start: int, count: int) -> Frames:
    """Return a full-scale 220 Hz tone, left and right a quarter period apart."""
    phase = np.arange(start, start + count) * SINE_STEP
    return np.stack([np.sin(phase), np.cos(phase)], axis=1).astype(np.float32)


def play(playback: Playback, frames: int, block: int = BLOCK) -> Frames:
    """Return the next frames, asked for block by block into a dirty buffer."""
    out = np.full((frames, 2), np.nan, dtype=np.float32)
    for start in range(0, frames, block):
        playback.process(out[start : start + block])
    assert np.all(np.isfinite(out))
    return out


def largest_step(frames: Frames) -> float:
    """Return the largest difference between neighbours."""
    return float(np.max(np.abs(np.diff(frames, axis=0))))


@settings(max_examples=40, deadline=None)
@given(blocks=st.lists(st.integers(1, 3000), min_size=1, max_size=12), chunk=st.integers(1, 5000))
def test_without_an_underrun_the_sound_passes_bit_for_bit(blocks: list[int], chunk: int) -> None:
    with Ring.create(capacity_frames=1 << 15) as ring:
        playback = Playback(ring, prefill_frames=chunk, max_block_frames=1024)
        noise = np.random.default_rng(7).standard_normal((sum(blocks) + chunk, 2)).astype(np.float32)
        at, heard = 0, []
        for size in blocks:
            while at < len(noise) and ring.lead_frames < max(size, chunk):
                at = ring.write(noise[at : at + chunk])
            heard.append(play(playback, size, size))
        assert np.array_equal(np.concatenate(heard), noise[: sum(blocks)])
        assert ring.played_frames == sum(blocks)
        assert ring.underruns == ring.concealed_frames == ring.skipped_frames == 0


def test_it_is_silent_until_the_prefill_is_there(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1000)
    ring.write(tone(0, 999))
    assert not play(playback, 512).any()
    assert (ring.player_state, ring.played_frames, ring.underruns) == (PlayerState.FILLING, 0, 0)
    ring.write(tone(999, 1))
    assert np.array_equal(play(playback, 512), tone(0, 512))
    assert ring.player_state is PlayerState.PLAYING


@pytest.mark.parametrize("available", [1, 7, 100, 128, 500, 1000, 1279])
def test_underrun_is_concealed_and_counted(ring: Ring, available: int) -> None:
    playback = Playback(ring, prefill_frames=1)
    ring.write(tone(0, available))
    heard = play(playback, 4096)
    assert np.array_equal(heard[:available], tone(0, available))
    assert (ring.underruns, ring.concealed_frames, ring.played_frames) == (1, 4096 - available, available)
    assert ring.player_state is PlayerState.STARVED
    if available > 960:  # the tail: what was heard, backwards, fading
        assert np.array_equal(np.sign(heard[available + 10]), np.sign(tone(available - 12, 1)[0]))
        assert largest_step(heard[1:]) <= SINE_STEP * 1.05
    tail = heard[available : available + 960]
    assert np.sqrt(np.mean(tail[-96:] ** 2)) < 0.05
    assert not heard[available + 960 :].any()


@pytest.mark.parametrize("gap", [1, 50, 128, 300, 700, 959, 961, 5000])
def test_the_return_after_an_underrun_has_no_click(ring: Ring, gap: int) -> None:
    playback = Playback(ring, prefill_frames=1, resume_frames=1)
    ring.write(tone(0, 2000))
    before = play(playback, 2000 + gap, 1)
    ring.write(tone(2000, 4000))
    after = play(playback, 4000, 64)
    whole = np.concatenate([before, after])
    # Tone, tail and fade may add up for a moment.
    assert largest_step(whole) <= 2 * SINE_STEP + FADE_STEP
    assert np.max(np.abs(whole)) <= 2.0
    assert np.array_equal(after[960:], tone(2960, 3040))  # nothing was lost, and it is exact again
    assert (ring.underruns, ring.concealed_frames) == (1, gap)


@pytest.mark.parametrize("gap", [300, 2_000, 20_000])
def test_a_gap_repeats_the_last_beat_and_the_return_has_no_click(ring: Ring, gap: int) -> None:
    ring.loop_frames = 4_800
    playback = Playback(ring, prefill_frames=1, resume_frames=1)
    ring.write(tone(0, 12_000))
    before = play(playback, 12_000 + gap)
    ring.write(tone(12_000, 8_000))
    whole = np.concatenate([before, play(playback, 8_000)])
    assert largest_step(whole[1:]) <= 2 * SINE_STEP + FADE_STEP
    if gap > 10_000:  # it goes on, at full strength, and beat by beat the same
        assert np.array_equal(whole[16_000:20_000], whole[20_800:24_800])
        assert np.abs(whole[12_000 : 12_000 + gap]).reshape(-1, 200, 2).max(axis=1).min() > 0.6
    assert np.array_equal(whole[12_000 + gap + 2_000 :], tone(14_000, 6_000)), "nothing was lost, and it is exact again"
    assert ring.concealed_frames == gap


def test_underruns_one_after_the_other_stay_smooth(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1, resume_frames=1)
    ring.write(tone(0, 2000))
    heard, sizes = [play(playback, 2000)], np.random.default_rng(3).integers(1, 400, 200)
    for size in map(int, sizes):
        ring.write(tone(ring.written_frames, size // 2))
        heard.append(play(playback, size, 37))
    whole = np.concatenate(heard)
    assert ring.underruns > 50
    assert largest_step(whole) <= 3 * SINE_STEP + FADE_STEP
    assert np.max(np.abs(whole)) < 3.0


def test_after_an_underrun_it_waits_for_the_resume_frames(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1, resume_frames=256)
    ring.write(tone(0, 100))
    play(playback, 2048)
    ring.write(tone(100, 255))
    assert not play(playback, BLOCK).any()
    ring.write(tone(355, 1))
    assert play(playback, BLOCK).any()
    assert ring.underruns == 1


def test_a_finished_stream_plays_out_and_is_no_underrun(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=4000)
    ring.write(tone(0, 1500))
    ring.finish()
    heard = play(playback, 4096)
    assert np.array_equal(heard[:1500], tone(0, 1500))
    assert largest_step(heard[1:]) <= SINE_STEP * 1.05  # even cut off in full swing
    assert (ring.underruns, ring.concealed_frames) == (0, 0)
    assert ring.player_state is PlayerState.STOPPED


@pytest.mark.parametrize("end", [Ring.request_stop, None])
def test_closing_fades_out_and_stops(ring: Ring, end: Callable[[Ring], None] | None) -> None:
    playback = Playback(ring, prefill_frames=1)
    ring.write(tone(0, 8000))
    play(playback, 1024)
    if end is None:
        playback.stop()
    else:
        end(ring)
    heard = play(playback, 2048)
    assert largest_step(heard) <= SINE_STEP + 1 / 960
    assert not heard[960 + BLOCK :].any()
    assert ring.player_state is PlayerState.STOPPED


@pytest.mark.parametrize("level", [0.0, 0.25, 1.0, 2.0])
def test_the_level_slews_and_arrives(ring: Ring, level: float) -> None:
    playback = Playback(ring, prefill_frames=1)
    ring.write(np.ones((8000, 2), dtype=np.float32))
    play(playback, 256)
    ring.level = level
    heard = play(playback, 2048)
    assert largest_step(heard) <= 1 / 480 * 1.001
    assert np.all(heard[1024:] == np.float32(level))
    ring.level = 1.0
    assert np.all(play(playback, 2048)[1024:] == 1.0)


def test_a_level_that_is_no_number_is_ignored(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1)
    ring.write(tone(0, 1024))
    ring._floats[49] = float("nan")
    assert np.array_equal(play(playback, 512), tone(0, 512))


def test_a_player_left_far_behind_jumps_forward_without_a_click(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=2000)
    ring.write(tone(0, 4000))
    before = play(playback, 2000)
    for start in range(4000, 44_000, 10_000):
        ring.write(tone(start, 10_000))
    after = play(playback, 2000)
    assert ring.skipped_frames == 44_000 - 2000 - 2000
    assert ring.played_frames == 44_000
    assert largest_step(np.concatenate([before, after])) <= 2 * SINE_STEP + FADE_STEP
    assert np.array_equal(after[960:], tone(42_960, 1040))
    assert ring.underruns == 0


def test_a_second_player_goes_on_where_the_first_was_killed(ring: Ring) -> None:
    first = Playback(ring, prefill_frames=4000, resume_frames=256)
    ring.write(tone(0, 4000))
    play(first, 1024)
    second = Playback(ring, prefill_frames=4000, resume_frames=256)  # needs no new prefill
    heard = play(second, 1024)
    assert np.array_equal(heard[240:], tone(1264, 784))
    assert largest_step(np.concatenate([np.zeros((1, 2), dtype=np.float32), heard])) <= SINE_STEP + FADE_STEP


def test_peaks_rise_at_once_and_fall_sixty_db_a_second(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1)
    block = np.zeros((128, 2), dtype=np.float32)
    block[5] = (0.5, -0.8)
    ring.write(block)
    play(playback, 128)
    assert ring.peaks == pytest.approx((0.5, 0.8))
    ring.write(np.zeros((16_000, 2), dtype=np.float32))
    play(playback, 16_000)
    assert ring.peaks == pytest.approx((0.05, 0.08), rel=1e-3)


def test_a_block_makes_no_array_and_no_garbage(ring: Ring) -> None:
    """The collector is off in the player, so nothing may need it; a 16 KiB block takes less than 4 KiB."""
    playback = Playback(ring, prefill_frames=1, resume_frames=1)
    out = np.zeros((2048, 2), dtype=np.float32)
    ring.write(tone(0, 8000))
    playback.process(out)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for level in (0.5, 0.5, 1.0, 0.0, 0.0, 1.0):  # on, slewing, dry, concealed
            ring.level = level
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            playback.process(out)
            assert tracemalloc.get_traced_memory()[1] - before < 4096
        assert ring.underruns == 1
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
