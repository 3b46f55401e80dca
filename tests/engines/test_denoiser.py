"""The denoiser: what it does chunk by chunk is what it was trained to do."""

from __future__ import annotations

import torch
from torch import Tensor

from legando.engines.denoiser import Conditions, Denoiser
from legando.engines.timeline import ANCHOR_CHUNKS, FEATURES
from legando.realtime.controls import STYLE_DIM
from tests.engines.networks import small_denoiser

BATCH, CHUNKS, N = 2, 30, 4


def sequence() -> tuple[Tensor, Tensor, Tensor, Conditions]:
    rng = torch.Generator().manual_seed(5)
    shape = (BATCH, CHUNKS, N, 64)
    clean, noisy = torch.randn(shape, generator=rng), torch.randn(shape, generator=rng)
    given = Conditions(
        torch.rand(BATCH, CHUNKS, N, FEATURES, generator=rng),
        torch.rand(BATCH, STYLE_DIM, generator=rng),
        torch.randint(0, 6, (BATCH, CHUNKS, 8, 5), generator=rng),
        torch.rand(BATCH, CHUNKS, 8, generator=rng),
    )
    return clean, noisy, torch.rand(BATCH, CHUNKS, generator=rng), given


def chunk_of(given: Conditions, i: int) -> Conditions:
    return Conditions(given.frames[:, i], given.style, given.tick_tokens[:, i], given.tick_ages_s[:, i])


def test_streaming_equals_parallel_over_more_than_the_window() -> None:
    model = small_denoiser()
    clean, noisy, t, given = sequence()
    with torch.no_grad():
        parallel = model(clean, noisy, t, given)
        state = model.initial_state(BATCH)
        for i in range(CHUNKS):
            velocity, _ = model.step((noisy[:, i], t[:, i], chunk_of(given, i)), state)
            torch.testing.assert_close(velocity, parallel[:, i], atol=1e-4, rtol=1e-4)
            _, state = model.step((clean[:, i], torch.ones(BATCH), chunk_of(given, i)), state)


def test_an_anchored_sequence_trains_as_a_stream_with_an_anchor_plays() -> None:
    model = small_denoiser()
    clean, noisy, t, given = sequence()
    with torch.no_grad():
        plain = model(clean, noisy, t, given)
        parallel = model(clean, noisy, t, given, torch.tensor([False, True]))
        torch.testing.assert_close(parallel[0], plain[0])
        assert (parallel[1, -1] - plain[1, -1]).abs().max() > 1e-6
        state = model.initial_state(BATCH)
        for i in range(CHUNKS):
            if i == 24:  # the window has just filled
                anchors = [part[:, 1, :, :ANCHOR_CHUNKS].clone() for part in state[2:]]
            if i >= 24:
                for part, anchor in zip(state[2:], anchors, strict=True):
                    part[:, 1, :, :ANCHOR_CHUNKS] = anchor
            velocity, _ = model.step((noisy[:, i], t[:, i], chunk_of(given, i)), state)
            torch.testing.assert_close(velocity, parallel[:, i], atol=1e-4, rtol=1e-4)
            _, state = model.step((clean[:, i], torch.ones(BATCH), chunk_of(given, i)), state)


def velocity_of_last(model: Denoiser, clean: Tensor, noisy: Tensor, t: Tensor, given: Conditions) -> Tensor:
    with torch.no_grad():
        out: Tensor = model(clean, noisy, t, given)[:, -1]
    return out


def test_a_chunk_hears_its_past_its_score_and_its_style_but_not_its_own_clean_copy() -> None:
    model = small_denoiser()
    clean, noisy, t, given = sequence()
    usual = velocity_of_last(model, clean, noisy, t, given)
    own = clean.clone()
    own[:, -1] += 1.0
    torch.testing.assert_close(velocity_of_last(model, own, noisy, t, given), usual)
    for chunks_back in (2, 20):  # fine path, coarse path
        past = clean.clone()
        past[:, -chunks_back] += 1.0
        assert (velocity_of_last(model, past, noisy, t, given) - usual).abs().max() > 1e-6
    for changed in (
        given._replace(style=given.style.flip(1)),
        given._replace(tick_tokens=(given.tick_tokens + 1) % 6),
        given._replace(frames=given.frames.flip(3)),
    ):
        assert (velocity_of_last(model, clean, noisy, t, changed) - usual).abs().max() > 1e-4


def test_the_future_is_not_heard() -> None:
    model = small_denoiser()
    clean, noisy, t, given = sequence()
    with torch.no_grad():
        usual = model(clean, noisy, t, given)
        later_clean, later_noisy = clean.clone(), noisy.clone()
        later_clean[:, 20:] += 1.0
        later_noisy[:, 20:] += 1.0
        changed = model(later_clean, later_noisy, t, given)
    torch.testing.assert_close(changed[:, :20], usual[:, :20])
    assert (changed[:, 20:] - usual[:, 20:]).abs().max() > 1e-3
