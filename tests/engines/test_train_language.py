"""Language training: crops tell the truth about what came before, a short run beats the unigram baseline."""

import json
from pathlib import Path

import numpy as np
import torch

from legando.engines.constraints import LOGITS
from legando.engines.language import START_TOKENS, SUSTAINED, LanguageConfig, resolve_holds
from legando.engines.language_export import load_language
from legando.engines.score import HOLD, VOCABULARY_SIZES, chord_pitch_classes
from legando.engines.training.music.composer import compose
from legando.engines.training.networks.score_crops import crops, sounding_tokens
from legando.engines.training.networks.train_language import Composers, train

SMALL = LanguageConfig(width=48, layers=2, heads=3, hidden=96, head_hidden=32, window_ticks=32)


def test_sounding_tokens_match_what_the_model_resolves() -> None:
    score = compose(5).score
    tokens = torch.from_numpy(score.astype(np.int64))[None][..., list(SUSTAINED)]
    resolved = resolve_holds(tokens, torch.zeros(1, 3, dtype=torch.int64))
    np.testing.assert_array_equal(sounding_tokens(score), resolved[0].numpy())


def test_crops_are_a_function_of_the_seed_and_stay_inside_the_vocabulary() -> None:
    a, b, c = crops(3, 8, 96), crops(3, 8, 96), crops(4, 8, 96)
    assert torch.equal(a.tokens, b.tokens) and torch.equal(a.held, b.held)
    assert not torch.equal(a.tokens, c.tokens)
    for part, size in enumerate(VOCABULARY_SIZES):
        assert int(a.tokens[..., part].min()) >= 0 and int(a.tokens[..., part].max()) < size
    assert int(a.position[..., 0].max()) == 15 and int(a.position[..., 1].max()) < 8


def test_fresh_crops_hold_nothing_and_others_hold_what_sounded() -> None:
    data = crops(6, 64, 96)
    fresh = (data.previous == torch.tensor(START_TOKENS)).all(dim=1)
    assert 16 < int(fresh.sum()) < 60
    first = data.tokens[fresh][:, 0]
    assert not (first[:, list(SUSTAINED)] == HOLD).any()
    assert not data.sounding[fresh].any() and data.sounding[~fresh].any()


def test_held_notes_are_the_tones_of_the_sounding_chord() -> None:
    data = crops(7, 32, 96, live=False)
    resolved = resolve_holds(data.tokens[..., list(SUSTAINED)], data.sounding)[..., 0]
    holding = data.held.any(dim=-1)
    assert 0.2 < holding.float().mean() < 0.6
    for b, t in torch.nonzero(holding)[::37].tolist():
        tones = sorted(chord_pitch_classes(int(resolved[b, t])))
        assert torch.nonzero(data.held[b, t])[:, 0].tolist() == sorted(set(tones))


def test_position_matches_the_bar_line_even_after_a_change_of_piece() -> None:
    data = crops(8, 32, 96)
    steps = (data.position[:, 1:, 0] - data.position[:, :-1, 0]) % 16
    assert (steps == 1).all()


def test_short_run_beats_the_unigram_baseline_and_writes_its_report(tmp_path: Path) -> None:
    torch.set_num_threads(1)
    model = train(tmp_path, steps=150, config=SMALL, batch=4, ticks=96, peak_rate=1e-2, quiet=True)
    report = json.loads((tmp_path / "report.json").read_text())
    assert sum(report["validation_nats"].values()) < 0.8 * sum(report["unigram_nats"].values())
    again = load_language(tmp_path / "model.safetensors")
    data = crops(1, 2, 32)
    with torch.no_grad():
        a = model(data.tokens, data.style, data.position, data.held, data.plan)
        b = again(data.tokens, data.style, data.position, data.held, data.plan)
    assert a.shape == (2, 32, LOGITS) and torch.equal(a, b)


def test_batches_composed_ahead_are_the_same() -> None:
    def request(step: int) -> tuple[int, int, int, int]:
        return step, 2, 64, 8

    here, ahead = Composers(request, 5, workers=0), Composers(request, 5, workers=1)
    try:
        for _ in range(3):
            a, b = here.next(), ahead.next()
            assert torch.equal(a.tokens, b.tokens) and torch.equal(a.plan, b.plan)
    finally:
        ahead.close()
