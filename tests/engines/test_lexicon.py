"""The lexicon covers every genre and holds phrases out; its embeddings are kept for the same encoder only."""

from pathlib import Path

import numpy as np
import pytest

from legando.engines.lexicon import GENRE_PHRASES, MOOD_PHRASES, held_out, held_out_phrases
from legando.engines.style import TextEncoder
from legando.engines.training.networks.embedding_cache import EmbeddingCache
from legando.engines.training.networks.train_style import installed_tokenizer
from legando.realtime.controls import GENRES


def test_lexicon_covers_every_genre_and_holds_phrases_out() -> None:
    assert set(GENRE_PHRASES) == set(GENRES)
    assert all(len(phrases) >= 50 for phrases in GENRE_PHRASES.values())
    assert all(0.0 <= v <= 1.0 for values in MOOD_PHRASES.values() for v in values.values())
    unseen = held_out_phrases()
    assert {genre for _, genre in unseen} == set(GENRES) and all(held_out(phrase) for phrase, _ in unseen)
    where: dict[str, str] = {}
    for genre, phrases in GENRE_PHRASES.items():
        for phrase in phrases:
            assert where.setdefault(phrase, genre) == genre, f"{phrase} is in two genres"


def test_embeddings_are_kept_for_the_same_encoder_only(tmp_path: Path) -> None:
    encoder = TextEncoder(installed_tokenizer())
    cache = EmbeddingCache(encoder, tmp_path / "kept")
    first = cache.embed("deep house")
    cache.save()
    runs = []
    embed, encoder.embed = encoder.embed, lambda text: runs.append(text) or embed(text)  # type: ignore[method-assign, func-returns-value]
    again = EmbeddingCache(encoder, tmp_path / "kept")
    assert np.array_equal(again.embed("deep house"), first) and not runs
    with pytest.raises(KeyboardInterrupt), again:
        again.embed("techno")
        raise KeyboardInterrupt
    assert len(runs) == 1 and EmbeddingCache(encoder, tmp_path / "kept").embed("techno").any() and len(runs) == 1
    encoder.sha256 = "another"
    assert np.array_equal(EmbeddingCache(encoder, tmp_path / "kept").embed("deep house"), first) and len(runs) == 2


@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_damaged_embeddings_are_named_and_made_again(
    tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    encoder = TextEncoder(installed_tokenizer())
    with EmbeddingCache(encoder, tmp_path / "kept") as cache:
        first = cache.embed("deep house").copy()
    content = bytearray((tmp_path / "kept").read_bytes())
    content[-1] ^= 1
    (tmp_path / "kept").write_bytes(content if how == "flipped" else content[:-1])
    assert np.array_equal(EmbeddingCache(encoder, tmp_path / "kept").embed("deep house"), first)
    assert f"{tmp_path / 'kept'} is damaged" in capfd.readouterr().err
