"""What an evaluation has found so far: figures, what could not be measured, on which machine. [any]

A report folder holds it as `evaluation.json`, the object that `legando evaluate --json` prints, so that an evaluation
that was stopped goes on where it stood:

| key | holds |
|---|---|
| `bundle`, `hash` | the bundle's name and SHA-256 when it was measured |
| `content` | SHA-256 of what makes the sound: it stays when the figures are written into the manifest |
| `quick` | whether any part used fewer and shorter samples |
| `figures` | a row each: name, value (null when it could not be computed), unit, at_most, at_least, met, part |
| `not_measured` | part: why |
| `parts` | part: quick, how long it took in seconds, exhibits for the report |
| `machine`, `made` | what measured, and when it ended |
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import json
import math
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from legando.engines.bundle import MANIFEST, Bundle
from legando.engines.training.figures.desk import Figure
from legando.realtime.errors import LegandoError
from legando.realtime.wholefile import whole_file

FILE = "evaluation.json"
PACKAGES = ("legando", "numpy", "scipy", "onnxruntime", "torch", "soundfile", "matplotlib")


@dataclass(slots=True, kw_only=True)
class PartResult:
    """What one part found; `missing` says why it found nothing."""

    figures: list[Figure] = field(default_factory=list)
    exhibits: dict[str, dict[str, Any]] = field(default_factory=dict)
    seconds: float = 0.0
    quick: bool = False
    missing: str = ""


@dataclass(slots=True, kw_only=True)
class Results:
    """All parts of one bundle's evaluation, in the order in which they were measured. Owned by the command."""

    bundle: str
    hash: str
    content: str
    parts: dict[str, PartResult] = field(default_factory=dict)

    def has(self, name: str, *, quick: bool) -> bool:
        """Say whether a part need not be measured again: full samples serve for quick ones, not the other way."""
        part = self.parts.get(name)
        return part is not None and not part.missing and (quick or not part.quick)

    def keep(self, name: str, part: PartResult) -> None:
        """Take a part's result; a failure never replaces figures that are there."""
        if part.missing and name in self.parts and not self.parts[name].missing:
            return
        self.parts[name] = part

    @property
    def figures(self) -> list[Figure]:
        """All figures, part by part."""
        return [figure for part in self.parts.values() for figure in part.figures]

    @property
    def missing(self) -> dict[str, str]:
        """Parts that could not be measured, and why."""
        return {name: part.missing for name, part in self.parts.items() if part.missing}

    @property
    def exhibits(self) -> dict[str, dict[str, Any]]:
        """What the parts have to show, by name."""
        return {key: value for part in self.parts.values() for key, value in part.exhibits.items()}

    @property
    def met(self) -> bool:
        """Whether every part was measured and every target is met."""
        return not self.missing and all(figure.met for figure in self.figures)

    def as_json(self) -> dict[str, Any]:
        """Return the object that the module describes."""
        return {
            "bundle": self.bundle,
            "hash": self.hash,
            "content": self.content,
            "quick": any(part.quick for part in self.parts.values()),
            "figures": [_row(figure, name) for name, part in self.parts.items() for figure in part.figures],
            "not_measured": self.missing,
            "parts": {
                name: {"quick": part.quick, "seconds": round(part.seconds, 1), "exhibits": part.exhibits}
                for name, part in self.parts.items()
                if not part.missing
            },
            "machine": machine(),
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }

    def save(self, folder: Path) -> None:
        """Write `evaluation.json`, whole or not at all. Raises LegandoError."""
        _write(folder / FILE, json.dumps(self.as_json(), indent=1, allow_nan=False))


def content_of(bundle: Bundle) -> str:
    """Return the SHA-256 over the hashes of a bundle's files and how it plays them. [any]"""
    manifest = bundle.manifest
    files = {name: about["sha256"] for name, about in manifest["files"].items()}
    about = {"files": files, "steps": manifest["steps"], "chunk_latents": manifest["chunk_latents"]}
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def write_figures(bundle: Bundle, results: Results) -> None:
    """Write what was measured into a bundle's manifest, without the exhibits. Raises LegandoError. [any]

    The bundle's hash changes with it, what makes its sound does not.
    """
    if results.content != content_of(bundle):
        raise LegandoError(f"what was measured on {results.bundle} is not of {bundle.path}; measure that bundle itself")
    evaluation = results.as_json()
    for part in evaluation["parts"].values():
        part["exhibits"] = {}
    manifest = {**bundle.manifest, "evaluation": evaluation}
    _write(bundle.path / MANIFEST, json.dumps(manifest, indent=2, allow_nan=False) + "\n")


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        with whole_file(path) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LegandoError(f"{path} cannot be written ({error.strerror}); choose another folder") from error


def open_folder(folder: Path, new: Results) -> Results:
    """Make a report folder or go on with it; returns `new` with what the folder holds. Raises LegandoError. [any]

    A folder with the report of another bundle, or with anything else in it, is refused: nothing is overwritten.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LegandoError(f"{folder} cannot be made ({error.strerror}); choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise LegandoError(f"{folder} cannot be written; choose a folder that you may write to")
    path = folder / FILE
    if not path.exists():
        if any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise LegandoError(f"{folder} holds other files and no {FILE}; give an empty or a new folder")
        return new
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        results = Results(bundle=new.bundle, hash=new.hash, content=found["content"])
        for name, about in found["parts"].items():
            figures = [_figure(row) for row in found["figures"] if row["part"] == name]
            results.parts[name] = PartResult(
                figures=figures, exhibits=about["exhibits"], seconds=about["seconds"], quick=about["quick"]
            )
        for name, reason in found["not_measured"].items():
            results.parts[name] = PartResult(missing=str(reason))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LegandoError(
            f"{path} is not what `legando evaluate` writes ({type(error).__name__}: {error}); give another folder"
        ) from error
    if results.content != new.content:
        raise LegandoError(
            f"{folder} holds the report of another bundle ({found['bundle']}, {str(found['hash'])[:12]}), "
            f"not of {new.bundle}, {new.hash[:12]}; give another folder"
        )
    return results


def _row(figure: Figure, part: str) -> dict[str, Any]:
    return {
        "name": figure.name,
        "value": figure.value if math.isfinite(figure.value) else None,
        "unit": figure.unit,
        "at_most": figure.at_most,
        "at_least": figure.at_least,
        "met": figure.met,
        "part": part,
    }


def _figure(row: dict[str, Any]) -> Figure:
    value = math.nan if row["value"] is None else float(row["value"])
    return Figure(name=row["name"], value=value, unit=row["unit"], at_most=row["at_most"], at_least=row["at_least"])


def machine() -> dict[str, str]:
    """Return what the figures were measured on: processor, system, versions; no names of hosts or folders. [any]"""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "from a checkout" if name == "legando" else "not installed"
    cores = os.cpu_count() or 1
    return {
        "processor": f"{_processor()}, {cores} core{'s' * (cores != 1)}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:  # not Linux
        pass
    return platform.processor() or platform.machine()
