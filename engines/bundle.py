"""Model bundles: a folder with a manifest, weights and graphs, verified before anything in it is used. [control]

| file | holds |
|---|---|
| `manifest.json` | format, name, licence, sizes, default steps, training, evaluation figures, SHA-256 of each file |
| `weights.safetensors` | the weights of all networks as float16 |
| `decoder.onnx`, `denoiser.onnx`, `language.onnx` | graphs; their weights point into `weights.safetensors` |
| `style.safetensors`, `tokenizer.json` | the prompt head and its tokenizer |
| `habits.json` | what is usual in each genre, for the arranger |
| `reference.safetensors` | inputs and outputs that each network must reproduce at load |

Nothing is unpickled, and no file outside the folder is read: names with a path in them are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legando.realtime.errors import BundleError

FORMAT = 2
MANIFEST = "manifest.json"
REQUIRED = (
    "weights.safetensors",
    "decoder.onnx",
    "denoiser.onnx",
    "language.onnx",
    "style.safetensors",
    "tokenizer.json",
    "habits.json",
    "reference.safetensors",
)
_MANIFEST_MAX_BYTES = 1_000_000


def default_path() -> Path:
    """Return the folder of the bundle that legando ships with. [any]"""
    return Path(__file__).parent / "bundles" / "default"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A verified bundle. `hash` is the SHA-256 over the manifest, which holds those of all files."""

    path: Path
    name: str
    hash: str
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, path: Path | None = None) -> Bundle:
        """Read and verify a bundle folder; None is the shipped one. Raises BundleError."""
        if path is None:
            path = default_path()
            if not path.is_dir():
                raise BundleError(f"the bundle that legando ships with is not at {path}; install legando again")
        if not path.is_dir():
            raise BundleError(f"{path} is no bundle folder; give a folder with a {MANIFEST} in it")
        source = path / MANIFEST
        if not source.is_file():
            raise BundleError(f"{path} has no {MANIFEST}, so it is no bundle; give another folder")
        if source.stat().st_size > _MANIFEST_MAX_BYTES:
            raise BundleError(
                f"{source} has {source.stat().st_size} bytes, more than any manifest; copy the bundle afresh"
            )
        raw = source.read_bytes()
        try:
            manifest = json.loads(raw)
        except (ValueError, RecursionError) as error:
            raise BundleError(f"{source} is not valid JSON ({error}); copy the bundle afresh") from error
        if not isinstance(manifest, dict) or manifest.get("kind") != "legando-bundle":
            raise BundleError(f"{source} does not describe a legando bundle; give another folder")
        if manifest.get("format") != FORMAT:
            raise BundleError(
                f"{path} has bundle format {manifest.get('format')!r}, this version reads {FORMAT}; "
                "install the legando that made it or export it again"
            )
        files = manifest.get("files")
        if not isinstance(files, dict) or not set(REQUIRED) <= set(files):
            missing = sorted(set(REQUIRED) - set(files if isinstance(files, dict) else ()))
            raise BundleError(f"{source} does not list {', '.join(missing)}; copy the bundle afresh")
        for name in ("chunk_latents", "steps"):
            if type(manifest.get(name)) is not int or not 1 <= manifest[name] <= 64:
                raise BundleError(f"{source} says {name} = {manifest.get(name)!r}, not 1 to 64; copy the bundle afresh")
        for name, about in files.items():
            _verify(path, name, about)
        return cls(path, str(manifest.get("name", path.name)), hashlib.sha256(raw).hexdigest(), manifest)

    def file(self, name: str) -> Path:
        """Return the path of one of the bundle's files."""
        if name not in self.manifest["files"]:
            raise BundleError(
                f"bundle {self.name} has no file {name}; it has {', '.join(sorted(self.manifest['files']))}"
            )
        return self.path / name

    @property
    def default_steps(self) -> int:
        """Denoising steps that the bundle was evaluated with."""
        return int(self.manifest["steps"])


def _verify(folder: Path, name: str, about: object) -> None:
    """Check that one listed file lies in the folder itself and has the size and hash that the manifest says."""
    if Path(name).name != name or name in ("", ".", ".."):
        raise BundleError(f"{folder / MANIFEST} names {name!r}, which is not a plain file name; do not use this bundle")
    if (
        not isinstance(about, dict)
        or not isinstance(about.get("sha256"), str)
        or not isinstance(about.get("bytes"), int)
    ):
        raise BundleError(f"{folder / MANIFEST} has no hash and size for {name}; copy the bundle afresh")
    path = folder / name
    if path.is_symlink() or not path.is_file():
        raise BundleError(f"{path} is missing or not a plain file; copy the bundle afresh")
    size = path.stat().st_size
    if size != about["bytes"]:
        raise BundleError(f"{path} has {size} bytes, its manifest says {about['bytes']}; copy the bundle afresh")
    if (found := file_hash(path)) != about["sha256"]:
        raise BundleError(
            f"{path} has SHA-256 {found[:12]}, its manifest says {about['sha256'][:12]}; copy the bundle afresh"
        )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as hex. [any]"""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """Return size and hash of every required file of a folder, for its manifest. [any]"""
    return {name: {"bytes": (folder / name).stat().st_size, "sha256": file_hash(folder / name)} for name in REQUIRED}
