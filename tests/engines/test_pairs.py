"""Counterfactual pairs: a twin differs from its piece in exactly the control it names, and that is heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.score import BASS, CHORD, DRUMS, LEAD, TEXTURE, check_score, chord_pitch_classes, read_score
from legando.engines.training.music import dataset
from legando.engines.training.music.composer import Piece, compose
from legando.engines.training.music.pairs import CONTROLS, control_of, twin
from legando.engines.training.music.renderer import choose_patches, render
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS


def pieces(count: int, bars: int = 8) -> list[Piece]:
    return [compose(seed, genre=GENRES[seed % len(GENRES)], bars=bars) for seed in range(count)]


def centroid_hz(audio: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(audio.mean(axis=1)))
    return float((spectrum * np.fft.rfftfreq(len(audio), 1 / 48_000)).sum() / spectrum.sum())


def side_db(audio: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.std(audio[:, 0] - audio[:, 1]) / np.std(audio.sum(axis=1))))


def crest_db(audio: NDArray[np.float32]) -> float:
    return float(20 * np.log10(np.percentile(np.abs(audio), 99.9) / np.sqrt(np.mean(audio**2))))


@pytest.mark.parametrize("control", CONTROLS)
def test_only_the_named_control_differs(control: str) -> None:
    for piece in pieces(48):
        other = twin(piece, control)
        check_score(other.score)
        kept = replace(other, style=(), score=piece.score, genre="", key=piece.key)
        assert kept == replace(piece, style=(), genre="")
        changed = [i for i, (a, b) in enumerate(zip(piece.style, other.style, strict=True)) if a != b]
        columns = [c for c in range(5) if not np.array_equal(piece.score[:, c], other.score[:, c])]
        if control in MOODS:
            at = GENRE_SLOTS + MOODS.index(control)
            assert changed == [at] and abs(piece.style[at] - other.style[at]) >= 0.25
            assert control == "density" or not columns
        elif control == "genre":
            assert not columns and other.genre != piece.genre and changed and max(changed) < GENRE_SLOTS
            assert sum(other.style[:GENRE_SLOTS]) == 1.0
        else:
            assert not changed and set(columns) <= {CHORD, BASS, LEAD} and not {DRUMS, TEXTURE} & set(columns)
            assert np.array_equal(np.minimum(piece.score[:, CHORD], 2), np.minimum(other.score[:, CHORD], 2))
        if control != "genre":
            assert choose_patches(other) == choose_patches(piece)


def test_density_keeps_the_chords_and_the_plan_and_moves_the_number_of_notes() -> None:
    rose = 0
    for piece in pieces(48):
        other = twin(piece, "density")
        more = other.style[GENRE_SLOTS] > piece.style[GENRE_SLOTS]
        notes = [sum(len(part) for part in read_score(p.score)) for p in (piece, other)]
        rose += (notes[1] > notes[0]) == more
        assert np.array_equal(piece.score[:, TEXTURE], other.score[:, TEXTURE])
        chords = [{int(t) for t in p.score[:, CHORD] if t >= 2} for p in (piece, other)]
        assert len(chords[0] & chords[1]) >= min(len(chords[0]), len(chords[1])) - 1
    assert rose >= 44


def test_density_played_again_at_its_own_level_is_the_same_piece() -> None:
    for piece in pieces(16):
        again = compose(piece.seed, genre=piece.genre, bars=8, density=piece.style[GENRE_SLOTS])
        assert np.array_equal(again.score, piece.score) and again.style == piece.style


def test_leads_and_basses_go_with_the_other_chords() -> None:
    inside = total = 0
    for piece in pieces(48):
        other = twin(piece, "chords")
        for tick, chord in enumerate(piece.score[:, CHORD]):
            for column, low in ((BASS, 24), (LEAD, 54)):
                if chord < 2 or piece.score[tick, column] < 2:
                    continue
                if (piece.score[tick, column] - 2 + low) % 12 in chord_pitch_classes(int(chord)):
                    total += 1
                    tones = chord_pitch_classes(int(other.score[tick, CHORD]))
                    inside += (other.score[tick, column] - 2 + low) % 12 in tones
    assert total > 500 and inside > 0.97 * total


@pytest.mark.parametrize("genre", ["house", "orchestral"])
def test_each_twin_is_heard(genre: str) -> None:
    piece = compose(5, genre=genre, bars=2)
    style = (*piece.style[:GENRE_SLOTS], 0.5, 0.45, 0.45, 0.45)
    piece = compose(5, style=style, bars=2)
    first = render(piece)
    assert centroid_hz(render(twin(piece, "brightness"))) > 1.3 * centroid_hz(first)
    assert side_db(render(twin(piece, "space"))) > side_db(first) + 1.0
    assert crest_db(render(twin(piece, "drive"))) < crest_db(first) - 0.5
    assert np.sqrt(np.mean((render(twin(piece, "genre")) - first) ** 2)) > 0.05


def test_a_data_set_with_pairs_names_them_and_keeps_to_pieces_of_earlier_versions(tmp_path: Path) -> None:
    seed = next(s for s in range(100) if control_of(s, 1.0) == "brightness" and s > 20)
    assert dataset.build(tmp_path, pieces=1, seed0=seed, bars=2, pairs=1.0, progress=False) == 2
    names = [path.name for path in dataset.piece_paths(tmp_path)]
    assert names == [f"piece_{seed:06d}.npz", f"piece_{seed:06d}_brightness.npz"]
    piece, other = (dataset.load(path) for path in dataset.piece_paths(tmp_path))
    assert (piece.pair, other.pair) == ("", f"{seed:06d} brightness") and piece.seed == other.seed == seed
    assert np.array_equal(piece.score, other.score) and len(piece.audio) == len(other.audio)
    assert np.flatnonzero(piece.style != other.style).tolist() == [GENRE_SLOTS + MOODS.index("brightness")]
    (tmp_path / names[1]).unlink()
    made = dataset.make_piece(seed, 2)
    stranger = replace(made, score=np.roll(made.score, 16, axis=0))
    dataset.save(tmp_path / names[0], stranger, np.zeros((9, 2), np.float32))
    dataset.build(tmp_path, pieces=1, seed0=seed, bars=2, pairs=1.0, progress=False)
    assert np.array_equal(dataset.load(tmp_path / names[1]).score, stranger.score)
    job = (tmp_path / "piece_000000_density.npz", seed, 2, False, made.genre)
    assert dataset.render_twin(job, "density") == 0.0 and not job[0].exists()


def test_a_share_of_the_pieces_has_a_twin() -> None:
    shares = np.mean([control_of(seed, 0.3) != "" for seed in range(2000)])
    assert 0.26 < shares < 0.34
    assert {control_of(seed, 1.0) for seed in range(200)} == set(CONTROLS)
    with pytest.raises(ValueError, match="not in tempo"):
        twin(compose(0, bars=1), "tempo")
