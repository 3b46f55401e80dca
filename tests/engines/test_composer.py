"""The composer: the same seed is the same piece, tokens are legal, genres and density are heard in the score."""

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.score import BASS, CHORD, DRUM_VOICES, DRUMS, HOLD, LEAD, TEXTURE, check_score, read_score
from legando.engines.training.music.composer import Piece, compose
from legando.engines.training.music.genres import MODES
from legando.engines.training.music.players import LEAD_RANGE
from legando.realtime.controls import GENRE_SLOTS, GENRES, STYLE_DIM


def style_of(genre: str, density: float) -> tuple[float, ...]:
    weights = [float(g == genre) for g in GENRES] + [0.0] * (GENRE_SLOTS - len(GENRES))
    return (*weights, density, 0.5, 0.5, 0.3)


def strokes_a_bar(piece: Piece) -> float:
    drums = piece.score[:, DRUMS]
    return float(sum(int(d).bit_count() for d in drums)) * 16 / len(drums)


def test_same_seed_same_bytes_and_another_seed_differs() -> None:
    first, again, other = compose(7), compose(7), compose(8)
    assert first.score.tobytes() == again.score.tobytes()
    assert (first.tempo_bpm, first.swing, first.style, first.key) == (
        again.tempo_bpm,
        again.swing,
        again.style,
        again.key,
    )
    assert first.score.tobytes() != other.score.tobytes()


@pytest.mark.parametrize("genre", GENRES)
def test_tokens_are_legal_and_nothing_is_held_that_was_not_struck(genre: str) -> None:
    for seed in range(25):
        piece = compose(seed, genre=genre, bars=5 + seed % 20)
        check_score(piece.score)
        assert piece.score.shape == ((5 + seed % 20) * 16, 5) and piece.score.dtype == np.int16
        assert piece.genre == genre and len(piece.style) == STYLE_DIM
        assert sum(piece.style[:GENRE_SLOTS]) == pytest.approx(1.0)
        assert all(0.0 <= m <= 1.0 for m in piece.style[GENRE_SLOTS:])
        assert 0.0 <= piece.swing <= 0.33 and 55.0 <= piece.tempo_bpm <= 185.0
        for column in (CHORD, BASS, LEAD):
            tokens = piece.score[:, column]
            before = np.concatenate([[0], tokens[:-1]])
            assert not np.any((tokens == HOLD) & (before == 0))


def test_every_part_and_drum_voice_is_used() -> None:
    scores = np.concatenate([compose(seed).score for seed in range(80)])
    for column in (CHORD, BASS, LEAD):
        assert len(np.unique(scores[:, column])) > 20
    assert len(np.unique(scores[:, TEXTURE])) == 6
    struck = np.bitwise_or.reduce(scores[:, DRUMS])
    assert struck == (1 << len(DRUM_VOICES)) - 1


def test_leads_stay_in_range_and_mostly_on_chord_or_scale() -> None:
    inside, total = 0, 0
    for seed in range(60):
        piece = compose(seed)
        notes, _ = read_score(piece.score)
        tonic, mode = piece.key
        scale = MODES[mode]
        for note in notes:
            if note.part == "lead":
                assert LEAD_RANGE[0] <= note.pitch <= LEAD_RANGE[1]
                inside += (note.pitch - tonic) % 12 in scale
                total += 1
    assert total > 500 and inside / total > 0.85


def test_genres_differ_in_drums_and_tempo() -> None:
    density = {g: np.mean([strokes_a_bar(compose(s, genre=g)) for s in range(25)]) for g in GENRES}
    tempo = {g: np.median([compose(s, genre=g, bars=1).tempo_bpm for s in range(25)]) for g in GENRES}
    assert density["ambient"] < 2.0 < 7.0 < density["jazz"] < density["techno"]
    assert tempo["ambient"] < 100 < tempo["disco"] < tempo["techno"] < tempo["drum_and_bass"]
    grids = (
        np.concatenate([compose(s, style=style_of(g, 0.5)).score[:, DRUMS].reshape(-1, 16) for s in range(20)])
        for g in ("house", "drum_and_bass")
    )
    house, breaks = ((grid & 1).mean(axis=0) for grid in grids)
    assert house[4] > 0.4 and house[12] > 0.4 and breaks[4] < 0.1 and breaks[10] > 0.3


def test_the_newer_genres_keep_their_own_time() -> None:
    def struck(genre: str, voice: str) -> NDArray[np.float64]:
        bit = 1 << DRUM_VOICES.index(voice)
        scores = [compose(s, style=style_of(genre, 0.6)).score for s in range(30)]
        bars = np.concatenate([score[:, DRUMS].reshape(-1, 16) for score in scores])
        return np.asarray(((bars & bit) > 0)[(bars > 0).any(axis=1)].mean(axis=0))

    def chords(genre: str) -> NDArray[np.float64]:
        scores = [compose(s, style=style_of(genre, 0.6)).score for s in range(30)]
        return np.asarray((np.concatenate([s[:, CHORD].reshape(-1, 16) for s in scores]) >= 2).mean(axis=0))

    one_drop = struck("dub", "kick")
    assert one_drop[8] > 1.5 * one_drop[0]  # the one is dropped
    skank = chords("dub")
    assert skank[2] > 2 * skank[4] and skank[10] > 2 * skank[8]
    for genre in ("rock", "breakbeat", "downtempo"):
        backbeat = struck(genre, "snare")
        assert min(backbeat[4], backbeat[12]) > 3 * max(backbeat[0], backbeat[2])
    broken = struck("breakbeat", "kick")
    assert broken[0] > 0.4 and broken[4] < 0.1 and broken[12] < 0.1
    assert struck("afrobeat", "tom").sum() > max(2.5, struck("rock", "tom").sum())
    assert (
        struck("orchestral", "hat").sum() < 2.0 < struck("orchestral", "tom").sum() + struck("orchestral", "kick").sum()
    )
    tempo = {g: np.median([compose(s, genre=g, bars=1).tempo_bpm for s in range(25)]) for g in GENRES}
    assert tempo["dub"] < tempo["downtempo"] < tempo["afrobeat"] < tempo["rock"]


@pytest.mark.parametrize("genre", GENRES)
def test_density_raises_the_event_rate(genre: str) -> None:
    def events(density: float) -> float:
        pieces = [compose(seed, style=style_of(genre, density)) for seed in range(25)]
        tonal = np.mean([(p.score[:, [CHORD, BASS, LEAD]] >= 2).sum(axis=1).mean() for p in pieces])
        return float(tonal * 16 + np.mean([strokes_a_bar(p) for p in pieces]))

    sparse, middle, dense = events(0.05), events(0.5), events(0.95)
    assert sparse < middle < dense and dense > 1.25 * sparse


def test_a_quarter_of_the_pieces_take_any_tempo_and_all_keys_occur() -> None:
    pieces = [compose(seed, genre="house", bars=1) for seed in range(300)]
    far = np.mean([not 117 <= p.tempo_bpm <= 129 for p in pieces])
    assert 0.12 < far < 0.35
    assert {p.key[0] for p in pieces} == set(range(12))
    assert compose(1, tempo_bpm=99.5).tempo_bpm == 99.5


def test_bad_requests_say_what_is_possible() -> None:
    with pytest.raises(ValueError, match="unknown genre polka; choose one of house"):
        compose(0, genre="polka")
    with pytest.raises(ValueError, match="a style has 24 numbers"):
        compose(0, style=(1.0,))
    with pytest.raises(ValueError, match="1 bar or more"):
        compose(0, bars=0)
