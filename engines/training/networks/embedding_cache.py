"""Embeddings of prompts, kept in a file: the encoder is nearly all of what training the prompt head costs. [any]"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from legando.engines.style import TextEncoder
from legando.realtime.wholefile import whole_file

CACHE_FILE = "embeddings.safetensors"
SAVE_EVERY_S = 30.0


class EmbeddingCache:
    """What an encoder said of each text; a file that another encoder or tokenizer filled is passed over. [any]

    A context manager that saves every half minute and at its end, however that comes. A damaged file (its SHA-256 is in
    its header) is named, and everything is embedded again.
    """

    def __init__(self, encoder: TextEncoder, path: Path, *, save_every_s: float = SAVE_EVERY_S) -> None:
        self._encoder = encoder
        self._path = path
        self._key = f"{encoder.sha256} {encoder.tokenizer_sha256}"
        self._known = self._read()
        self._kept = len(self._known)
        self._save_every_s = save_every_s
        self._saved_s = float("inf")

    def __enter__(self) -> EmbeddingCache:
        self._saved_s = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._saved_s = float("inf")
        self.save()

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return the embedding (384,) of a text, as the encoder would now."""
        if text not in self._known:
            self._known[text] = self._encoder.embed(text)
            if time.monotonic() - self._saved_s > self._save_every_s:
                self.save()
                self._saved_s = time.monotonic()
        return self._known[text]

    def save(self) -> None:
        """Write the file anew where texts have been added; it appears only when it is whole."""
        if len(self._known) == self._kept:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        texts, embeddings = json.dumps(list(self._known)), np.stack(list(self._known.values()))
        metadata = {"encoder": self._key, "texts": texts, "sha256": _digest(texts, embeddings)}
        with whole_file(self._path) as part:
            save_file({"embeddings": embeddings}, part, metadata=metadata)
        self._kept = len(self._known)

    def _read(self) -> dict[str, NDArray[np.float32]]:
        if not self._path.exists():
            return {}
        try:
            with safe_open(self._path, framework="np") as file:
                about = file.metadata() or {}
                if about.get("encoder") != self._key:
                    return {}
                embeddings = file.get_tensor("embeddings")
            if about.get("sha256") != _digest(about["texts"], embeddings):
                raise ValueError("its digest does not match")
            return dict(zip(json.loads(about["texts"]), embeddings, strict=True))
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            print(f"{self._path} is damaged ({error}); embedding every prompt again", file=sys.stderr, flush=True)
            return {}


def _digest(texts: str, embeddings: NDArray[np.float32]) -> str:
    total = hashlib.sha256(texts.encode())
    total.update(np.ascontiguousarray(embeddings).tobytes())
    return total.hexdigest()
