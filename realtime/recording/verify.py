"""Verify: what a file says of how it came to be, and whether that still holds. [control]

Samples are compared with the digest that was written with them, the journal beside the file is read to its end, the
bundle is looked for. None of it is a proof: whoever can change samples can change a digest, and any tool can take the
marking off. It tells damage and honest editing, and it tells what to replay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from legando.engines.bundle import MANIFEST, default_path
from legando.realtime.errors import LegandoError
from legando.realtime.recording.flacnotes import HEAD_BYTES, fields_of
from legando.realtime.recording.journal import TakeRecord, read_take
from legando.realtime.recording.origin import DIGEST_KEY, SOURCE_TYPE, UNFINISHED, origin_of
from legando.realtime.recording.riff import samples_sha256, texts
from legando.realtime.recording.takefile import int24_bytes
from legando.realtime.rigs.prompts import as_typed

_PIECE_FRAMES = 1 << 16
_PLACES = {"replayed_from": "from ", "from_frame": "frame "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What a file says, and what was found.

    `samples` is `as written`, `changed`, `cut off` (they end before the file says) or `unfinished` (its writer died
    before it wrote a digest); `marked` says whether IPTC's source type also stands where other programs look for it.
    `journal` is `whole`, `cut off`, `damaged`, `not there`, or `none` where none was kept; `same_sound` says whether
    its digest is that of this file, None where that cannot be compared. `bundle` is where it lies, empty where it is
    not known here.
    """

    file: str
    format: str
    seconds: float
    sample_rate_hz: int
    channels: int
    origin: dict[str, Any] = field(default_factory=dict)
    marked: bool
    samples: str
    journal: str
    same_sound: bool | None
    bundle: str

    @property
    def good(self) -> bool:
        """Whether the samples are those that were written."""
        return self.samples == "as written"

    def plain(self) -> dict[str, Any]:
        """Return the findings for JSON."""
        return asdict(self) | {"good": self.good}

    def lines(self) -> Iterator[str]:
        """Yield the findings in words, a line each."""
        origin = self.origin
        yield f"file      {self.file}: {self.format}, {self.seconds:.1f} s, {self.channels} x {self.sample_rate_hz} Hz"
        marked = "also marked for other programs" if self.marked else "the marking for other programs was taken off"
        yield f"made      by a generative model ({SOURCE_TYPE.rpartition('/')[2]}); {marked}"
        yield f"by        {origin.get('written_by')}" + (f", on {origin['engine']}" if origin.get("engine") else "")
        name, sha256 = origin.get("bundle_name"), str(origin.get("bundle_sha256", ""))
        if name:
            licence = origin.get("bundle_licence", "unknown")
            yield f"bundle    {name} {sha256[:12]}, licence {licence}: {self.bundle or 'not known here'}"
            for other in origin.get("rolled_in", ()):
                yield f"          from frame {other['frame']} {other['bundle_name']} {other['bundle_sha256'][:12]}"
        else:
            yield "bundle    not said: a stream does not name it"
        if "seed" in origin:
            yield f"seed      {origin['seed']}"
        for scene in origin.get("scenes", ()):
            yield f"scene     {_in_words(scene)}"
        for key, label in (("scene", "scene"), ("replayed_from", "replayed"), ("from_frame", "from")):
            if key in origin:
                yield f"{label:9} {_PLACES.get(key, '')}{origin[key]}"
        same = {None: "", True: "; its sound is this file's", False: "; its sound is not this file's"}[self.same_sound]
        yield f"journal   {'none was kept with it' if self.journal == 'none' else self.journal}{same}"
        yield f"samples   {self.samples}"


def verify(path: Path, bundle: Path | None = None) -> Findings:
    """Read a file and look whether it is what it says. [control]

    `bundle` is a folder to look in, too. Raises LegandoError for what is no sound, or says nothing of legando.
    """
    if not path.exists():
        raise LegandoError(f"there is no file {path}; give a WAV or FLAC file that legando wrote")
    try:
        about = soundfile.info(path)
        with path.open("rb") as file:
            wav = about.format in ("WAV", "WAVEX", "RF64")
            said = texts(file) if wav else fields_of(file.read(HEAD_BYTES))
            origin = origin_of(said.get("ICMT" if wav else "COMMENT", ""))
            if origin is None:
                raise LegandoError(
                    f"{path} does not say where it comes from: legando did not write it, or its marking was taken off"
                )
            digest = samples_sha256(file) if wav else _flac_sha256(path)
    except (OSError, soundfile.SoundFileError) as error:
        reason = getattr(error, "strerror", None) or str(getattr(error, "error_string", "") or error).rstrip(".")
        raise LegandoError(f"{path} cannot be read as sound ({reason}); give a WAV or FLAC file") from error
    journal, record = _journal(path, str(origin.get("journal") or ""))
    return Findings(
        file=str(path),
        format=f"{about.format} {about.subtype}",
        seconds=about.frames / about.samplerate,
        sample_rate_hz=about.samplerate,
        channels=about.channels,
        origin=origin,
        marked=SOURCE_TYPE in said.get("_PMX" if wav else "DIGITALSOURCETYPE", ""),
        samples=_judged(str(origin[DIGEST_KEY]), digest),
        journal=journal,
        same_sound=_same_sound(record, about.frames, digest) if about.subtype == "FLOAT" else None,
        bundle=_bundle(str(origin.get("bundle_sha256", "")), record, bundle),
    )


def _in_words(prompts: Any) -> str:
    """Return a scene's prompts as they are typed; what is no list of prompts, as it stands."""
    try:
        return as_typed(prompts)
    except (TypeError, ValueError):  # somebody edited the comment
        return str(prompts)


def _judged(said: str, found: str) -> str:
    if not found:
        return "cut off"
    if said == UNFINISHED:
        return "unfinished"
    return "as written" if said == found else "changed"


def _flac_sha256(path: Path) -> str:
    """Return the digest of the samples; empty where they cannot be read to their end."""
    hashed = hashlib.sha256()
    with soundfile.SoundFile(path) as file:
        try:
            for piece in file.blocks(_PIECE_FRAMES, dtype="int32", always_2d=True):
                hashed.update(int24_bytes(piece))
        except soundfile.SoundFileError:
            return ""
    return hashed.hexdigest()


def _journal(path: Path, name: str) -> tuple[str, TakeRecord | None]:
    """Read the journal that a file names, or the one beside it of its own name."""
    beside = path.with_name(Path(name).name) if name else path.with_suffix(".jsonl")
    if not beside.is_file():
        return "not there" if name else "none", None
    try:
        record = read_take(beside)
    except LegandoError as error:
        return f"damaged: {error}", None
    return "whole" if record.end is not None else "cut off", record


def _same_sound(record: TakeRecord | None, frames: int, digest: str) -> bool | None:
    """Say whether the journal's digest is this; None where the file does not hold the whole take."""
    if record is None or record.end is None:
        return None
    whole = record.end.get("chunks", 0) * record.about.get("chunk_frames", 0) == frames
    return bool(record.end.get("pcm_sha256") == digest) if whole else None


def _bundle(sha256: str, record: TakeRecord | None, given: Path | None) -> str:
    """Return where the bundle of this hash lies: the shipped one, the journal's, or the one that was given."""
    named = str(record.about.get("bundle") or "") if record is not None else ""
    for folder in (default_path(), *((Path(named),) if named else ()), *((given,) if given is not None else ())):
        try:
            found = hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()
        except OSError:
            continue
        if found == sha256:
            return str(folder)
    return ""
