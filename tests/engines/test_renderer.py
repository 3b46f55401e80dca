"""The renderer: exact length, no clipping, notes where and what the score says, moods that are heard."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.engines.score import BASS, CHORD, DRUMS, LEAD, Note, chord_pitch_classes, chord_token, read_score
from legando.engines.training.music import dataset, drums, renderer, soundfont
from legando.engines.training.music.composer import Piece, compose
from legando.engines.training.music.mix import active_level
from legando.engines.training.music.patches import HELD_OUT_FAMILIES, PATCHES
from legando.engines.training.music.synths import Voice, play
from legando.realtime.controls import GENRE_SLOTS, GENRES

RATE = 48_000


def with_mood(piece: Piece, index: int, value: float) -> Piece:
    style = list(piece.style)
    style[GENRE_SLOTS + index] = value
    return replace(piece, style=tuple(style))


def centroid_hz(audio: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(audio.mean(axis=1)))
    return float((spectrum * np.fft.rfftfreq(len(audio), 1 / RATE)).sum() / spectrum.sum())


def chroma(audio: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energy of the twelve pitch classes between 120 and 1000 Hz."""
    spectrum = np.abs(np.fft.rfft(audio.mean(axis=1) * np.hanning(len(audio)), 1 << 17)) ** 2
    hz = np.fft.rfftfreq(1 << 17, 1 / RATE)
    band = (hz > 120) & (hz < 1000)
    pitch = 69 + 12 * np.log2(hz[band] / 440)
    near = np.abs(pitch - np.round(pitch)) < 0.3
    out = np.zeros(12)
    np.add.at(out, np.round(pitch[near]).astype(int) % 12, spectrum[band][near])
    return out


def agreement(piece: Piece, audio: NDArray[np.float32]) -> float:
    """The share of bars whose loudest pitch classes are the chord's: best of all chords with that many tones."""
    bar = len(audio) // (len(piece.score) // 16)
    right = total = 0
    for number, start in enumerate(range(0, len(piece.score), 16)):
        tones = set(chord_pitch_classes(int(piece.score[start, CHORD])))
        if not tones or np.any(piece.score[start + 1 : start + 16, CHORD] != 1):
            continue
        energy = np.sqrt(chroma(audio[number * bar + bar // 10 : (number + 1) * bar]))
        inside = sum(energy[t] for t in tones) / len(tones)
        outside = sum(energy[t] for t in range(12) if t not in tones) / (12 - len(tones))
        right += inside > 3.0 * outside
        total += 1
    assert total >= 4
    return right / total


def chord_piece(seed: int, genre: str) -> Piece:
    """Eight bars of one held chord each, nothing else but the drums that the genre has."""
    piece = compose(seed, genre=genre, bars=8, tempo_bpm=110.0)
    score = piece.score.copy()
    score[:, 2:] = 0
    score[:, CHORD] = 1
    for bar in range(8):
        score[bar * 16, CHORD] = chord_token(bar * 5, ("maj", "min", "min7", "maj7")[bar % 4])
    return with_mood(with_mood(replace(piece, score=score), 2, 0.2), 3, 0.2)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with no SoundFont and no one-shots."""
    monkeypatch.delenv(soundfont.SOUNDFONT_VARIABLE, raising=False)
    monkeypatch.delenv(drums.SAMPLES_VARIABLE, raising=False)
    monkeypatch.setattr(soundfont, "SOUNDFONTS", (tmp_path / "none.sf3",))
    monkeypatch.setattr(drums, "SAMPLE_FOLDERS", (tmp_path / "none",))


def test_same_seed_same_bytes_and_another_seed_differs() -> None:
    first = renderer.render(compose(3, bars=2))
    renderer.render(compose(11, bars=2))  # what was played before must not matter
    assert first.tobytes() == renderer.render(compose(3, bars=2)).tobytes()
    assert first.tobytes() != renderer.render(compose(4, bars=2)).tobytes()


@pytest.mark.parametrize("genre", GENRES)
def test_length_is_exact_and_the_peak_is_kept(genre: str) -> None:
    piece = compose(21, genre=genre, bars=2)
    audio = renderer.render(piece, tail_s=0.5)
    assert audio.shape == (round(32 * 15 / piece.tempo_bpm * RATE) + RATE // 2, 2)
    assert audio.dtype == np.float32 and np.all(np.isfinite(audio))
    assert np.abs(audio).max() <= 0.89
    assert -19.0 < 20 * np.log10(np.sqrt(np.mean(audio**2))) < -14.0


def test_drum_strokes_lie_on_the_swung_grid() -> None:
    piece = compose(2, genre="house", bars=2, tempo_bpm=120.0)
    score = np.zeros_like(piece.score)
    score[::4, DRUMS] = 1  # a kick on each beat
    score[3, DRUMS] = 2  # a snare on an odd tick: late by the swing
    piece = replace(piece, score=score, swing=0.3)
    stems = renderer.render_stems(piece)
    for beat in range(8):
        start = beat * RATE // 2
        window = np.abs(stems["kick"][max(0, start - 240) : start + 480, 0])
        onset = int(np.argmax(window > 0.05 * window.max())) - min(start, 240)
        assert abs(onset) < 0.003 * RATE
    expected = round((3 + 0.3) * 0.125 * RATE)
    snare = np.abs(stems["drums"][:, 0])
    assert abs(int(np.argmax(snare > 0.05 * snare.max())) - expected) < 0.004 * RATE


@pytest.mark.parametrize(
    "genre", ["house", "ambient", "lofi", "jazz", "synthwave", "dub", "downtempo", "orchestral", "rock", "afrobeat"]
)
def test_chords_of_the_score_are_in_the_chroma(genre: str) -> None:
    piece = chord_piece(31, genre)
    score = piece.score.copy()
    score[:, DRUMS] = 0
    piece = replace(piece, score=score)
    assert agreement(piece, renderer.render(piece)) >= 0.75
    wrong = replace(piece, score=np.roll(score, 32, axis=0))
    assert agreement(wrong, renderer.render(piece)) < 0.5


def test_brightness_raises_the_spectral_centroid() -> None:
    for seed, genre in ((1, "house"), (2, "ambient"), (3, "funk")):
        piece = compose(seed, genre=genre, bars=2)
        dark, bright = (centroid_hz(renderer.render(with_mood(piece, 1, b))) for b in (0.1, 0.9))
        assert bright > 1.25 * dark, genre


def test_space_and_drive_are_heard() -> None:
    piece = with_mood(compose(5, genre="synthwave", bars=2), 3, 0.0)
    dry, wet = (renderer.render(with_mood(piece, 2, s), tail_s=1.0)[-RATE // 2 :] for s in (0.0, 1.0))
    assert np.sqrt(np.mean(wet**2)) > 4 * np.sqrt(np.mean(dry**2))

    def crest(drive: float) -> float:
        audio = renderer.render(with_mood(piece, 3, drive))
        return float(np.percentile(np.abs(audio), 99.9) / np.sqrt(np.mean(audio**2)))

    assert crest(1.0) < 0.9 * crest(0.0)


@pytest.mark.parametrize("genre", GENRES)
def test_every_part_is_audible_in_its_stem(genre: str) -> None:
    def full(piece: Piece) -> bool:
        return all((piece.score[:, column] >= 2).any() for column in (CHORD, BASS, LEAD))

    piece = next(p for p in (compose(s, genre=genre, bars=2, tempo_bpm=150.0) for s in range(200)) if full(p))
    for brightness in (0.05, 0.95):
        stems = renderer.render_stems(with_mood(piece, 1, brightness))
        levels = {p: 20 * np.log10(active_level(stems[p]) + 1e-9) for p in ("bass", "chord", "lead")}
        assert max(levels.values()) - min(levels.values()) < 12.0, levels


def test_renders_without_a_soundfont_or_samples(bare: None) -> None:
    assert not soundfont.available() and drums.sample_folder() is None
    for genre in ("jazz", "disco", "dub", "orchestral", "rock", "afrobeat"):
        piece = compose(1, genre=genre, bars=2)
        assert np.sqrt(np.mean(renderer.render(piece) ** 2)) > 0.1
    piece = chord_piece(31, "jazz")
    assert agreement(piece, renderer.render(piece)) >= 0.6


def test_soundfont_parts_repeat_exactly_where_installed(require: object) -> None:
    assert callable(require)
    require(soundfont.available(), "needs tinysoundfont and a SoundFont")
    notes = [(0, 9600, 60, 0.8), (9600, 19200, 64, 0.7)]
    first = soundfont.play_part(4, notes, RATE)
    soundfont.play_part(0, [(0, 40_000, 72, 1.0)], RATE)
    assert np.array_equal(first, soundfont.play_part(4, notes, RATE)) and np.abs(first).max() > 0.01


def test_held_out_families_are_never_used_in_training() -> None:
    for seed in range(100):
        piece = compose(seed, bars=1)
        used = {PATCHES[name].family for name in renderer.choose_patches(piece).values()}
        kept = {PATCHES[name].family for name in renderer.choose_patches(piece, held_out=True).values()}
        assert not used & HELD_OUT_FAMILIES and kept <= HELD_OUT_FAMILIES


def test_synth_notes_sound_at_the_notated_pitch() -> None:
    for name, patch in PATCHES.items():
        wave = play(patch.voice, 57, 1.0, 0.85)[:RATE]
        spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 18))
        hz = np.fft.rfftfreq(1 << 18, 1 / RATE)
        near = (hz > 220 * 2 ** (-1 / 12)) & (hz < 220 * 2 ** (1 / 12))
        cents = 1200 * np.log2(hz[near][np.argmax(spectrum[near])] / 220)
        assert abs(cents) <= 10.0, name
    with pytest.raises(ValueError, match="keep to 9 and 7"):
        Voice(detune_cents=30.0)


def test_data_set_resumes_and_reads_back(tmp_path: Path) -> None:
    assert dataset.build(tmp_path, pieces=2, seed0=40, bars=2, progress=False) == 2
    assert dataset.build(tmp_path, pieces=3, seed0=40, bars=2, progress=False) == 1
    assert [p.name for p in dataset.piece_paths(tmp_path)] == [f"piece_{i:06d}.npz" for i in range(40, 43)]
    item = dataset.load(tmp_path / "piece_000041.npz")
    piece = dataset.make_piece(41, 2)
    assert item.genre == piece.genre and item.seed == 41 and item.tempo_bpm == piece.tempo_bpm
    assert np.array_equal(item.score, piece.score) and item.audio.dtype == np.int16
    assert len(item.audio) == renderer.piece_frames(piece) and np.abs(item.audio).max() > 3000
    assert 18.0 < len(item.audio) / RATE < 42.0
    assert read_score(item.score)[0]


def test_a_data_set_grows_by_chosen_genres_under_other_seeds(tmp_path: Path) -> None:
    assert dataset.build(tmp_path, pieces=2, seed0=7000, bars=2, genres=("dub", "rock"), progress=False) == 2
    items = [dataset.load(path) for path in dataset.piece_paths(tmp_path)]
    assert [(item.seed, item.genre) for item in items] == [(7000, "dub"), (7001, "rock")]
    with pytest.raises(ValueError, match="polka; choose from house"):
        dataset.build(tmp_path, pieces=1, genres=("polka",), progress=False)


def test_string_sections_are_in_tune() -> None:
    """Sampled sections alone beat by up to 16 cents; the voice under them holds the notated pitch."""
    base = compose(1, genre="orchestral", bars=2)
    for name in ("strings", "slow_strings", "tremolo"):
        for pitch in (52, 57, 64, 69):
            note = Note(part="chord", pitch=pitch, start_ticks=0.0, end_ticks=16.0, velocity=0.8)
            wave = renderer._tonal(base, PATCHES[name], [note], 2 * RATE, np.random.default_rng(0)).mean(axis=1)[9600:]
            spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 18)) ** 2
            f0 = 440 * 2 ** ((pitch - 69) / 12)
            hz = np.fft.rfftfreq(1 << 18, 1 / RATE)
            near = (hz > f0 * 2 ** (-0.5 / 12)) & (hz < f0 * 2 ** (0.5 / 12))
            cents = 1200 * np.log2(hz[near] / f0)
            assert abs(float((cents * spectrum[near]).sum() / spectrum[near].sum())) < 6.0, (name, pitch)
