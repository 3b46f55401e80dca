"""Embeddings of prompts, kept in a file: the encoder is nearly all of what training the prompt head costs. [any]"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from legando.engines.style import TextEncoder

CACHE_FILE = "embeddings.safetensors"


class EmbeddingCache:
    """What an encoder said of each text; a file that another encoder or tokenizer filled is passed over. [any]"""

    def __init__(self, encoder: TextEncoder, path: Path) -> None:
        self._encoder = encoder
        self._path = path
        self._key = f"{encoder.sha256} {encoder.tokenizer_sha256}"
        self._known = self._read()
        self._kept = len(self._known)

    def embed(self, text: str) -> NDArray[np.float32]:
        """Return the embedding (384,) of a text, as the encoder would now."""
        if text not in self._known:
            self._known[text] = self._encoder.embed(text)
        return self._known[text]

    def save(self) -> None:
        """Write the file anew where texts have been added; it appears only when it is whole."""
        if len(self._known) == self._kept:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        part = self._path.with_name(self._path.name + ".part")
        metadata = {"encoder": self._key, "texts": json.dumps(list(self._known))}
        save_file({"embeddings": np.stack(list(self._known.values()))}, part, metadata=metadata)
        part.replace(self._path)
        self._kept = len(self._known)

    def _read(self) -> dict[str, NDArray[np.float32]]:
        try:
            with safe_open(self._path, framework="np") as file:
                about = file.metadata() or {}
                if about.get("encoder") != self._key:
                    return {}
                return dict(zip(json.loads(about["texts"]), file.get_tensor("embeddings"), strict=True))
        except (OSError, SafetensorError, KeyError, ValueError):
            return {}  # absent or broken: everything is embedded again
