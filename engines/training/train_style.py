"""Train the style head: what the sentence encoder's numbers mean in genres and moods. Under two minutes. [any]"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn

from legando.engines.lexicon import examples, genre_moods, held_out_phrases
from legando.engines.style import HEAD_FILE, TextEncoder
from legando.engines.training.progress import Run
from legando.realtime.controls import GENRES, MOODS

HIDDEN = 192
STEPS = 400
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


def targets(seed: int = 0, each: int = 4) -> tuple[list[str], NDArray[np.float32]]:
    """Return training texts and their targets (n, genres + moods + 1); the last column weighs the genre loss. [any]

    A prompt that names no genre asks for all of them evenly, but softly: its genre counts a quarter.
    """
    texts, rows = [], []
    for text, meaning in examples(seed, each):
        genres = [meaning.genres.get(g, 0.0) if meaning.genres else 1.0 / len(GENRES) for g in GENRES]
        moods = genre_moods(meaning.genres, meaning.moods)
        texts.append(text)
        rows.append([*genres, *(moods[mood] for mood in MOODS), 1.0 if meaning.genres else 0.25])
    return texts, np.array(rows, dtype=np.float32)


def train(
    folder: Path, tokenizer_path: Path, *, each: int = 4, steps: int = STEPS, quiet: bool = False
) -> dict[str, float]:
    """Train the head, write `style.safetensors` and `report.json`; return the report. [any]

    `top1` is the share of held-out phrases whose genre comes first, `mood_error` the mean absolute error in training.
    """
    encoder = TextEncoder(tokenizer_path)
    texts, wanted = targets(each=each)
    x = torch.from_numpy(np.stack([encoder.embed(text.lower()) for text in texts]))
    y = torch.from_numpy(wanted)
    genre, mood, weight = y[:, : len(GENRES)], y[:, len(GENRES) : -1], y[:, -1]
    torch.manual_seed(0)
    head = Head(x.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=0.02)
    run = Run(folder, steps=steps, quiet=quiet)
    run.restore({"head": head}, {"adam": optimizer})
    for _ in run.steps():
        out = head(x + NOISE * torch.randn_like(x), dropout=0.3)
        genre_loss = (weight * F.cross_entropy(out[:, : len(GENRES)], genre, reduction="none")).mean()
        mood_loss = F.binary_cross_entropy_with_logits(out[:, len(GENRES) :], mood)
        optimizer.zero_grad()
        (genre_loss + 2.0 * mood_loss).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        run.log(genre=genre_loss, mood=mood_loss)
    phrases = held_out_phrases()
    with torch.no_grad():
        unseen = torch.from_numpy(np.stack([encoder.embed(phrase.lower()) for phrase, _ in phrases]))
        guesses = head(unseen)[:, : len(GENRES)].argmax(dim=1).tolist()
        error = (torch.sigmoid(head(x)[:, len(GENRES) :]) - mood).abs().mean().item()
    right = sum(GENRES[guess] == genre_name for guess, (_, genre_name) in zip(guesses, phrases, strict=True))
    report = {"top1": round(right / len(phrases), 4), "held_out": len(phrases), "mood_error": round(error, 4)}
    about = {"genres": GENRES, "moods": MOODS, "encoder_sha256": encoder.sha256, **report}
    tensors = {name: value.detach().contiguous() for name, value in head.state_dict().items()}
    part = folder / (HEAD_FILE + ".part")
    save_file(tensors, part, metadata={"style": json.dumps(about)})
    part.replace(folder / HEAD_FILE)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    return report
