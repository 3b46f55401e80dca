"""The codec: streamed equals offline, any chunk size, oscillators at the notated pitch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from legando.engines.codec import Decoder, inverse_dft
from legando.engines.excitation import excitation_rows, excitation_table
from legando.engines.oscillators import harmonic_table, join_halves
from legando.engines.score import HOLD, Score, chord_token
from legando.engines.timeline import LATENT_FRAMES, SLOTS, VOICES, piece_features
from tests.engines.networks import small_codec

LATENTS = 48


def crop() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    score: Score = np.zeros((32, 5), np.int16)
    score[:, 0] = HOLD
    score[::16, 0] = [chord_token(0, "min7"), chord_token(5, "maj")]
    score[:, 1] = [1, 16, 16, 2] * 8
    score[::2, 2] = 14
    score[::4, 3] = 20
    features = piece_features(score, 124.0, 0.1)
    frames = torch.from_numpy(features.frames[:LATENTS])[None]
    voices = torch.from_numpy(features.voices[: 2 * LATENTS])[None]
    z = torch.randn(1, 64, LATENTS, generator=torch.Generator().manual_seed(3))
    excitation = torch.from_numpy(excitation_table()[excitation_rows(0, 2 * LATENTS)])[None]
    return z, frames, voices, excitation


def streamed(decoder: Decoder, chunk: int) -> Tensor:
    z, frames, voices, excitation = crop()
    state = decoder.initial_state()
    audio = torch.zeros(1, 2, LATENTS * LATENT_FRAMES + 480)
    for start in range(0, LATENTS, chunk):
        end = start + chunk
        grains = slice(2 * start, 2 * end)
        x = (z[:, :, start:end], frames[:, start:end], voices[:, grains], excitation[:, grains])
        y, state = decoder.step(x, state)
        audio[:, :, start * LATENT_FRAMES : end * LATENT_FRAMES + 480] += y
    return audio[:, :, : LATENTS * LATENT_FRAMES]


@pytest.mark.parametrize("chunk", [2, 4, 8])
def test_streamed_decode_equals_offline_decode_at_every_chunk_size(chunk: int) -> None:
    decoder = small_codec().decoder
    with torch.no_grad():
        offline = decoder(*crop(), harmonic_table(decoder.config.harmonics))
        assert offline.abs().max() > 0.01
        torch.testing.assert_close(streamed(decoder, chunk), offline, atol=1e-4, rtol=0)


def test_a_voice_sounds_at_its_pitch_and_only_while_it_lasts() -> None:
    decoder = small_codec().decoder
    grains = 60
    voices = torch.zeros(1, grains, VOICES, 8)
    voices[..., 0] = 69.0
    voices[..., 4] = 4.0  # long silent
    slot = SLOTS["lead"][0]
    seconds = torch.arange(grains) * 0.01
    voices[0, :30, slot, 1] = 1.0
    voices[0, :, slot, 2] = 1.0
    voices[0, :, slot, 3] = seconds
    voices[0, :, slot, 4] = torch.clamp(seconds - 0.3, min=0.0) + 0.8 * (seconds >= 0.3)
    voices[0, :, slot, 5:8] = torch.remainder(440.0 * seconds, 1.0)[:, None]
    with torch.no_grad():
        grains_audio = decoder.voices.grains(torch.zeros(1, grains, decoder.config.width), voices)
        audio = decoder.overlap_add(grains_audio)[0, 0].numpy()
    spectrum = np.abs(np.fft.rfft(audio[2400:12_000] * np.hanning(9600)))
    assert np.fft.rfftfreq(9600, 1 / 48_000)[spectrum.argmax()] == pytest.approx(440.0, abs=5.0)
    assert np.abs(audio[2400:12_000]).max() > 1e-3
    assert np.abs(audio[26_000:]).max() == 0.0, "a second after its end a voice is silent"


def test_any_pitch_equals_the_table_of_semitones() -> None:
    decoder = small_codec().decoder
    _, _, voices, _ = crop()
    hidden = torch.randn(1, voices.shape[1], decoder.config.width, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        free = decoder.voices.grains(hidden, voices)
        tempered = decoder.voices.tempered_grains(hidden, voices, harmonic_table(decoder.config.harmonics))
    torch.testing.assert_close(free, tempered, atol=1e-4, rtol=0)


def test_the_inverse_transform_is_a_true_one() -> None:
    size = 960
    matrix = inverse_dft(size)
    bins = torch.zeros(2, size // 2 + 1)
    bins[0, 7] = 3.0
    audio = join_halves(bins[0] @ matrix[0], bins[1] @ matrix[1])
    expected = np.fft.irfft(np.eye(1, size // 2 + 1, 7)[0] * 3.0, size)
    # the same cosine, counted from between the two middle samples
    assert np.abs(np.fft.rfft(audio.numpy())).argmax() == 7
    assert float(audio.square().mean()) == pytest.approx(float((expected**2).mean()), rel=1e-4)


def test_a_silent_score_has_no_tone() -> None:
    decoder = small_codec().decoder
    voices = torch.zeros(1, 8, VOICES, 8)
    voices[..., 0], voices[..., 4] = 60.0, 4.0
    with torch.no_grad():
        made = decoder.voices.grains(torch.randn(1, 8, decoder.config.width), voices)
    assert made.abs().max() == 0.0


def test_noise_of_rough_magnitudes_is_steady() -> None:
    decoder = small_codec().decoder
    grains, width = 400, decoder.config.width
    draw = torch.Generator().manual_seed(3)
    excitation = torch.from_numpy(excitation_table()[excitation_rows(0, grains)])[None]
    with torch.no_grad():
        decoder.randomness.bias.fill_(20.0)
        # as rough as makes the sum dip by as much as that of the shipped decoder without a swell
        decoder.spectrum.bias.copy_(0.85 * torch.randn(decoder.spectrum.bias.shape, generator=draw))
        decoder.spectrum.weight.copy_(0.85 * width**-0.5 * torch.randn(decoder.spectrum.weight.shape, generator=draw))
        hidden = torch.randn(1, grains, width, generator=draw)
        audio = decoder.overlap_add(decoder.noise_grains(hidden, excitation))[0, 0].numpy()
    power = np.square(audio[480:-480]).reshape(-1, 480).mean(0).reshape(30, 16).mean(1)
    assert power.max() / power.min() < 1.3  # 1.6 without a swell
