"""Drive: streaming equals whole, off is not there, peaks come down, and it is driven as the knob says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.drive import GAIN, PIVOT, Drive, drive_gain
from legando.realtime.controls import Controls

HOUSE = Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 0.5), tempo_bpm=124.0)

F32 = NDArray[np.float32]


def noise(frames: int) -> F32:
    return (0.2 * np.random.default_rng(0).standard_normal((2, frames))).astype(np.float32)


def through(audio: F32, size: int, gain: float) -> F32:
    """Drive audio (2, frames) chunk by chunk, without an overlap."""
    drive = Drive(size, 0)
    out = []
    for start in range(0, audio.shape[1], size):
        y = audio[:, start : start + size].copy()
        drive.process(y, gain)
        out.append(y)
    return np.concatenate(out, axis=1)


@pytest.mark.parametrize("size", [1920, 7680])
def test_streaming_equals_offline_whatever_the_chunk(size: int) -> None:
    audio = noise(4 * 7680)
    audio[:, :7680] = 0.0  # the gain rises over the first chunk, which is longer or shorter
    np.testing.assert_array_equal(through(audio, size, GAIN), through(audio, 3840, GAIN))


def test_where_chunks_overlap_their_sum_is_driven() -> None:
    whole = noise(8 * 3840)
    expected = through(whole, 3840, GAIN)
    drive = Drive(3840, 480)
    fade = np.linspace(0.0, 1.0, 480, dtype=np.float32)
    tail = np.zeros((2, 480), np.float32)
    for start in range(0, whole.shape[1] - 3840, 3840):
        y = whole[:, start : start + 4320].copy()
        y[:, :480] -= tail
        y[:, 3840:] *= fade  # some of what overlaps comes with one chunk, the rest with the next
        after = y[:, 3840:].copy()
        drive.process(y, GAIN)
        np.testing.assert_array_equal(y[:, 3840:], after)
        y[:, :480] += tail
        np.testing.assert_allclose(y[:, :3840], expected[:, start : start + 3840], atol=1e-6)
        tail = after


def test_no_drive_changes_no_bit_and_the_gain_moves_without_a_step() -> None:
    audio = noise(3840)
    np.testing.assert_array_equal(through(audio, 3840, 0.0), audio)
    drive = Drive(3840, 0)
    steady = np.full((2, 3840), 0.7, np.float32)
    out = []
    for gain in (0.0, GAIN, GAIN, 0.0, 0.0):
        y = steady.copy()
        drive.process(y, gain)
        out.append(y[0])
    assert np.abs(np.diff(np.concatenate(out))).max() < 4.0 * 0.7 / 3840
    np.testing.assert_array_equal(out[-1], steady[0])


def test_peaks_come_down_what_is_quiet_comes_up_and_the_pivot_stays() -> None:
    levels = np.array([0.01, float(PIVOT), 0.9], np.float32)
    driven = through(np.repeat(levels, 3840)[None].repeat(2, 0), 3840, GAIN)[0]
    quiet, pivot, loud = driven[3839::3840] / levels
    assert quiet > 1.05 and loud < 0.75
    assert pivot == pytest.approx(1.0, abs=1e-6)
    ramp = np.concatenate([np.zeros(3840), np.linspace(-1.0, 1.0, 3840)]).astype(np.float32)  # the gain is up by then
    rising = through(ramp[None].repeat(2, 0), 3840, GAIN)[0, 3840:]
    assert (np.diff(rising) > 0.0).all()


def test_a_broken_chunk_is_left_to_the_seam() -> None:
    drive = Drive(3840, 0)
    y = noise(3840)
    drive.process(y, GAIN)
    y[0, 7] = np.nan
    given = y.copy()
    drive.process(y, GAIN)
    np.testing.assert_array_equal(y, given)
    y = np.full((2, 3840), 3e38, np.float32)
    drive.process(y, GAIN)
    assert np.isfinite(y).all()


def test_the_gain_is_what_drive_is_turned_up_by() -> None:
    assert drive_gain(HOUSE) == 0.0
    assert drive_gain(replace(HOUSE, drive=0.3)) == 0.0
    assert drive_gain(replace(HOUSE, drive=0.75)) == pytest.approx(0.5 * GAIN)
    assert drive_gain(replace(HOUSE, drive=1.0)) == GAIN
    assert drive_gain(Controls(style=(1.0, *[0.0] * 19, 0.5, 0.5, 0.5, 1.0), drive=1.0)) == 0.0
