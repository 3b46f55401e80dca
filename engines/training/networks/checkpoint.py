"""Checkpoints of training runs: written whole or not at all, proven by a digest, with the one before kept. [any]

A checkpoint is a safetensors file: networks, optimizer moments and random state as tensors; a JSON object `run` in its
header (step, time, settings); and a SHA-256 over all of it, so that a damaged file is noticed rather than trained on.
`checkpoint.safetensors.previous` is the one before; it takes over, and is named, when the newest is damaged or lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from legando.realtime.errors import LegandoError

FORMAT = 1
CHECKPOINT = "checkpoint.safetensors"
PREVIOUS = CHECKPOINT + ".previous"


def write_checkpoint(folder: Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any]) -> None:
    """Write the checkpoint of a run folder; the one before becomes `PREVIOUS`. A kill at any point leaves one whole."""
    header = json.dumps({**about, "format": FORMAT, "digest": "sha256"}, sort_keys=True)
    part = folder / (CHECKPOINT + ".part")
    save_file(dict(tensors), part, metadata={"run": header, "sha256": digest(tensors, header)})
    with part.open("rb") as file:
        os.fsync(file.fileno())
    if (folder / CHECKPOINT).exists():
        (folder / CHECKPOINT).replace(folder / PREVIOUS)
    part.replace(folder / CHECKPOINT)


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of a checkpoint, on the CPU, and what its header says; raise LegandoError unless sound. [any]

    Checkpoints of earlier versions have no digest; of those only the structure is checked.
    """
    if not path.is_file():
        raise LegandoError(f"{path} is missing; run `legando train {path.parent.name}` first")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # safe_open is no mapping: it has keys() but cannot be iterated
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise LegandoError(f"{path} is damaged ({error}); delete it, or start afresh in a new folder") from error
    if "run" not in metadata:
        raise LegandoError(f"{path} is no training checkpoint; give a folder that a training run has written")
    try:
        about: dict[str, Any] = json.loads(metadata["run"])
    except json.JSONDecodeError as error:
        raise LegandoError(f"{path} is damaged ({error}); delete it, or start afresh in a new folder") from error
    if about.get("format") != FORMAT:
        raise LegandoError(
            f"{path} has checkpoint format {about.get('format')}, this version reads {FORMAT}; use a new folder"
        )
    if ("digest" in about or "sha256" in metadata) and digest(tensors, metadata["run"]) != metadata.get("sha256"):
        raise LegandoError(f"{path} is damaged (its digest does not match); delete it, or start afresh in a new folder")
    return tensors, about


def read_newest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Return the newest sound checkpoint of a run folder, saying on stderr when it is the previous one. [any]

    None when the folder has none; LegandoError when it has some and none is sound.
    """
    newest, previous = folder / CHECKPOINT, folder / PREVIOUS
    if not newest.exists() and not previous.exists():
        return None
    try:
        return read_checkpoint(newest)
    except LegandoError as error:
        if not previous.exists():
            raise
        found = read_checkpoint(previous)
        why = str(error).split(";")[0]
        print(f"{why}; going on from {previous}, step {found[1].get('step')}", file=sys.stderr, flush=True)
        return found


def trained_s(folder: Path) -> float:
    """Return the training time of a run folder's newest checkpoint, from its header alone; 0 without a sound one."""
    for path in (folder / CHECKPOINT, folder / PREVIOUS):
        try:
            with safe_open(path, framework="pt") as file:
                return float(json.loads((file.metadata() or {})["run"])["elapsed_s"])
        except (SafetensorError, OSError, ValueError, KeyError, TypeError):
            continue
    return 0.0


def read_model(folder: Path, name: str = "model") -> dict[str, Tensor]:
    """Return one network's state dict out of a run's newest sound checkpoint. [any]"""
    found = read_newest(folder)
    if found is None:
        raise LegandoError(f"{folder} holds no {CHECKPOINT}; run `legando train {folder.name}` first")
    tensors = under(found[0], f"model/{name}/")
    if not tensors:
        raise LegandoError(f"{folder / CHECKPOINT} holds no network named {name}")
    return tensors


def digest(tensors: Mapping[str, Tensor], header: str) -> str:
    """Return the SHA-256 of the header text and of every tensor's name, type, shape and bytes. [any]"""
    total = hashlib.sha256(header.encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        if value.numel():
            total.update(value.view(-1).view(torch.uint8).numpy().tobytes())
    return total.hexdigest()


def under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with a prefix, without it. [any]"""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
