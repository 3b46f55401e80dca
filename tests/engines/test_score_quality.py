"""Judging scores, and what holds for any weights: a held chord is followed on the very tick that it is played."""

import numpy as np
import torch

from legando.engines.language import LanguageConfig, LanguageModel
from legando.engines.score import BASS, CHORD, HOLD, chord_token
from legando.engines.training.music.composer import compose
from legando.engines.training.networks.score_crops import sounding_tokens
from legando.engines.training.networks.score_quality import figures, generate, genre_agreement, plain_styles
from legando.realtime.controls import GENRES

CMIN, FMAJ = chord_token(0, "min"), chord_token(5, "maj")


def test_even_an_untrained_model_follows_a_held_chord_at_once() -> None:
    torch.manual_seed(7)
    config = LanguageConfig(width=48, layers=1, heads=3, hidden=48, head_hidden=24, window_ticks=16)
    model = LanguageModel(config).eval()
    styles = plain_styles(1)[0][:4]
    free_ticks: list[tuple[int, ...]] = [()] * 5
    held = free_ticks + [(48, 51, 55)] * 18 + [(53, 57, 60)] * 9 + free_ticks
    scores = generate(model, styles, len(held), held=held)
    for score in scores:
        sounding = sounding_tokens(score)[:, 0]
        assert set(sounding[5:23]) == {CMIN} and set(sounding[23:32]) == {FMAJ}
        for tick, chord in ((5, CMIN), (23, FMAJ)):
            if sounding[tick - 1] != chord:  # an untrained model may have struck it just before, by chance
                assert score[tick, CHORD] == chord and score[tick, BASS] != HOLD
        assert sounding[22] != FMAJ
        assert figures([score[5:23]]).bass_in_chord in (0.0, 1.0)  # 0 only where it never plays
    free = generate(model, styles, len(held))
    np.testing.assert_array_equal(free[:, :5], scores[:, :5])
    assert not np.array_equal(free, scores)


def test_figures_of_a_score_written_by_hand() -> None:
    score = np.zeros((32, 5), dtype=np.int16)
    score[0, CHORD], score[1:16, CHORD] = CMIN, HOLD  # sounds for the first bar, then rests
    score[0, BASS] = 2 + 36 - 24  # C, in the chord
    score[4, BASS] = 2 + 37 - 24  # C sharp, outside
    score[20, BASS] = 2 + 37 - 24  # no chord sounds: not counted
    score[::8, 1] = 0b101
    measured = figures([score])
    assert measured.bass_in_chord == 0.5 and measured.chords_a_bar == 0.5
    assert measured.chord_sounds == 0.5 and measured.drum_hits_a_bar == 4.0
    assert measured.lead_sounds == 0.0 and measured.bass_sounds == 3 / 32


def test_rhythm_tells_genres_of_composed_pieces_apart() -> None:
    pieces = [(compose(90 + i, genre=genre).score, genre) for i, genre in enumerate(GENRES * 2)]
    assert genre_agreement(pieces, pieces_a_genre=12) > 0.4  # chance is 0.1
    shuffled = [(score, GENRES[(GENRES.index(genre) + 1) % len(GENRES)]) for score, genre in pieces]
    assert genre_agreement(shuffled, pieces_a_genre=12) < 0.3
