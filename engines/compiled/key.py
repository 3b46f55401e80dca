"""What an engine depends on, all of it: two engines with one key are one engine. [control]

| field | says |
|---|---|
| `format` | how this module names engines; raised when what is kept changes |
| `network`, `batch`, `precision` | which network, for how many streams |
| `graph_sha256`, `weights_sha256` | the bundle's ONNX graph and weights, from its verified manifest |
| `chunk_latents` | the size of a chunk |
| `writer_sha256` | the code that writes the graph for the card out of these: with them it fixes all shapes and types |
| `library`, `version` | TensorRT or TensorRT for RTX, and its exact version |
| `target` | "portable", an architecture, or the card's name and architecture |
| `flags` | how the builder is set |
| `platform` | operating system and processor |

Keys of other projects left some of these out, and loaded an engine of other weights, or of another version.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from legando.engines.bundle import Bundle
from legando.engines.compiled.kinds import SOURCE
from legando.engines.compiled.library import FLAGS, Library

FORMAT = 1
_WRITERS = ("fixed.py", "kinds.py", "networks.py", "precision.py", "quantised.py", "takes.py")

Key = Mapping[str, Any]


def make_key(
    bundle: Bundle, network: str, *, batch: int, precision: str, library: Library, target: str
) -> dict[str, Any]:
    """Return the key of one engine; without writing its graph, so that a hit costs nothing. [control]"""
    files = bundle.manifest["files"]
    return {
        "format": FORMAT,
        "network": network,
        "batch": batch,
        "precision": precision,
        "graph_sha256": files[f"{SOURCE[network]}.onnx"]["sha256"],
        "weights_sha256": files["weights.safetensors"]["sha256"],
        "chunk_latents": int(bundle.manifest["chunk_latents"]),
        "writer_sha256": writer_hash(),
        "library": library.name,
        "version": library.version,
        "target": target,
        "flags": dict(FLAGS),
        "platform": f"{platform.system()} {platform.machine()}",
    }


@lru_cache(maxsize=1)
def writer_hash() -> str:
    """Return the SHA-256 over the code that writes graphs. [control]"""
    digest = hashlib.sha256()
    for name in _WRITERS:
        digest.update((Path(__file__).parent / name).read_bytes())
    return digest.hexdigest()


def digest_of(key: Key) -> str:
    """Return the SHA-256 of a key. [any]"""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()


def stem_of(key: Key) -> str:
    """Return the name of an engine's files, less the suffix: for people first, then the key. [any]"""
    target = "".join(c if c.isalnum() else "_" for c in str(key["target"]).lower())
    return f"{key['network']}-b{key['batch']}-{key['precision']}-{target}-{digest_of(key)[:16]}"
