"""Immediate controls act at the next block, and however fast they are moved, nothing clicks."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from legando.realtime.errors import LegandoError
from legando.realtime.playing.playback import Playback
from legando.realtime.playing.sweepfilter import HIGH_PASS_HZ, HOP, LOW_PASS_HZ, SIDE, SweepFilter
from legando.realtime.ring import Frames, Ring

RATE_HZ = 48_000
BLOCK = 256
BEAT = 24_000


@pytest.fixture
def ring() -> Iterator[Ring]:
    with Ring.create(capacity_frames=1 << 15) as ring:
        ring.loop_frames = BEAT
        yield ring


def chord(frames: int) -> Frames:
    """Return four low notes, soft and steady: whatever a control adds to them shows."""
    t = np.arange(frames)[:, None] / RATE_HZ
    hz = np.array([55.0, 110.0, 220.0, 330.0])
    left, right = (np.sin(2 * np.pi * hz * t + phase).sum(axis=1) for phase in (0.0, 1.0))
    return (0.2 * np.stack([left, right], axis=1)).astype(np.float32)


def noise(frames: int) -> Frames:
    return np.random.default_rng(11).uniform(-0.5, 0.5, (frames, 2)).astype(np.float32)


def play(ring: Ring, sound: Frames, moves: dict[int, dict[str, float]], block: int = BLOCK) -> Frames:
    """Play a sound in blocks; `moves` sets controls before the block of that number."""
    playback = Playback(ring, prefill_frames=1)
    heard = []
    for number, start in enumerate(range(0, len(sound) - block + 1, block)):
        ring.write(sound[start : start + block])
        for name, value in moves.get(number, {}).items():
            ring.set_immediate(name, value)
        out = np.full((block, 2), np.nan, dtype=np.float32)
        playback.process(out)
        heard.append(out)
    assert ring.underruns == 0
    return np.concatenate(heard)


def largest_step(frames: Frames) -> float:
    return float(np.abs(np.diff(frames, axis=0)).max())


def high_energy(frames: Frames) -> float:
    """Return the strongest 10 ms of what lies above 6 kHz: a click is broad, a low chord and a fade are not."""
    window = np.hanning(480)[:, None]
    pieces = [frames[at : at + 480, :] * window for at in range(0, len(frames) - 480, 120)]
    spectra = np.abs(np.fft.rfft(np.stack(pieces), axis=1))
    return float(spectra[:, 60:].max())


SWEEPS: dict[str, Callable[[np.random.Generator], float]] = {
    "level": lambda rng: float(rng.choice([0.0, 0.3, 1.0])),
    "mute": lambda rng: float(rng.integers(0, 2)),
    "filter": lambda rng: float(rng.choice([-1.0, -0.2, 0.0, 0.3, 1.0])),
    "freeze": lambda rng: float(rng.integers(0, 2)),
    "panic": lambda rng: float(rng.random() < 0.05),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_a_control_swept_at_full_speed_causes_no_click(ring: Ring, name: str) -> None:
    rng = np.random.default_rng(3)
    sound = chord(6 * RATE_HZ)
    ring.loop_frames = 4801
    moves = {number: {name: SWEEPS[name](rng)} for number in range(40, len(sound) // BLOCK)}
    heard = play(ring, sound, moves)
    assert not np.array_equal(heard, sound[: len(heard)]), "nothing was moved"
    steady = largest_step(sound)
    # A fade adds at most its own slope: 1/480 a frame for the gain, (pi / 2) / 576 for the freeze, times the peak.
    assert largest_step(heard) <= 1.3 * steady + 0.9 / 480, f"{largest_step(heard):.4f}, steady {steady:.4f}"
    click = np.array(heard)
    click[len(click) // 2 :] += 0.05
    assert high_energy(heard) < high_energy(click) / 3, "as broad as a small click"


def test_all_of_them_at_once_stay_smooth(ring: Ring) -> None:
    rng = np.random.default_rng(4)
    sound = chord(6 * RATE_HZ)
    moves = {n: {name: move(rng) for name, move in SWEEPS.items()} for n in range(40, len(sound) // BLOCK)}
    heard = play(ring, sound, moves)
    assert np.isfinite(heard).all() and np.abs(heard).max() <= 1.2
    assert largest_step(heard) <= 1.5 * largest_step(sound) + 2 / 480


@pytest.mark.parametrize(
    ("name", "value"), [("level", 0.5), ("mute", 1.0), ("filter", -0.5), ("freeze", 1.0), ("panic", 1.0)]
)
def test_it_acts_in_the_next_block_and_leaves_no_trace(ring: Ring, name: str, value: float) -> None:
    sound = noise(4 * RATE_HZ)
    rest = {"level": 1.0}.get(name, 0.0)
    heard = play(ring, sound, {100: {name: value}, 150: {name: rest}})
    changed = np.flatnonzero(np.any(heard != sound[: len(heard)], axis=1))
    assert 100 * BLOCK <= changed[0] < 100 * BLOCK + 16
    assert changed[-1] < 150 * BLOCK + RATE_HZ // 2, "bit for bit again"


def test_a_panic_is_silent_until_what_was_held_has_gone(ring: Ring) -> None:
    heard = play(ring, noise(RATE_HZ), {50: {"panic": 1.0}, 51: {"panic": 0.0}})
    silent = np.flatnonzero(~heard.any(axis=1))
    assert len(silent) == silent[-1] - silent[0] + 1
    assert 0.28 < len(silent) / RATE_HZ < 0.31


def test_a_freeze_repeats_the_last_beat_with_its_seam_closed(ring: Ring) -> None:
    sound = chord(4 * RATE_HZ) + 0.1 * noise(4 * RATE_HZ)
    on = 48_128
    heard = play(ring, sound, {on // BLOCK: {"freeze": 1.0}})[on:]
    assert np.array_equal(heard[768 : BEAT - 600], sound[on - BEAT + 768 : on - 600])
    assert np.array_equal(heard[BEAT : 3 * BEAT], heard[2 * BEAT : 4 * BEAT])
    assert largest_step(heard[BEAT - 600 : BEAT + 600]) <= 1.1 * largest_step(sound)


def plain_filter(x: Frames, knob: float) -> Frames:
    """The same state variable filter, sample by sample, in double precision."""
    low, high = LOW_PASS_HZ, HIGH_PASS_HZ
    ends = high if knob > 0 else low
    g = np.tan(np.pi * ends[0] * (ends[1] / ends[0]) ** abs(knob) / RATE_HZ)
    k = np.sqrt(2.0)
    s1, s2, out = np.zeros(2), np.zeros(2), []
    for sample in x.astype(np.float64):
        band = (g * (sample - s2) + s1) / (1 + g * (g + k))
        lows = s2 + g * band
        s1, s2 = 2 * band - s1, 2 * lows - s2
        out.append(sample - k * band - lows if knob > 0 else lows)
    return np.array(out, dtype=np.float32)


@pytest.mark.parametrize("knob", [-1.0, -0.5, 0.5, 1.0])
@pytest.mark.parametrize("block", [256, 100])
def test_the_matrices_are_the_filter(knob: float, block: int) -> None:
    """At rest, sixteen samples at a time are the recursion sample by sample."""
    fast = SweepFilter(RATE_HZ, 2)
    travel = np.zeros((SIDE * HOP, 2), dtype=np.float32)
    fast.process(travel, knob)
    x = noise(4800)
    wanted = plain_filter(x, knob)
    for start in range(0, len(x), block):
        fast.process(x[start : start + block], knob)
    assert np.abs(x - wanted).max() < 2e-4


def test_a_value_out_of_range_is_refused_in_one_sentence(ring: Ring) -> None:
    with pytest.raises(LegandoError, match="filter 2 is outside -1 to 1"):
        ring.set_immediate("filter", 2.0)


def test_moving_everything_makes_no_array_and_no_garbage(ring: Ring) -> None:
    playback = Playback(ring, prefill_frames=1)
    out = np.zeros((2048, 2), dtype=np.float32)
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for number in range(24):
            ring.write(noise(2048))
            ring.set_immediate("freeze", float(number // 3 % 2))
            ring.set_immediate("filter", (-0.7, 0.0, 0.5)[number % 3])
            ring.set_immediate("mute", float(number == 20))
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            playback.process(out)
            if number:
                assert tracemalloc.get_traced_memory()[1] - before < 4096
        assert gc.collect() == 0
    finally:
        tracemalloc.stop()
        gc.enable()
