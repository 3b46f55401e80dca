"""Listen: record a stream from the bridge to a WAV file, with an account of every frame that did not come. [control]

The file is float32, so that what was received can be compared bit by bit with what was sent. It grows under a temporary
name in the same folder and gets its own name, replacing a file that had it, only when it is whole. Where audio is
missing the file holds as much silence, so that what follows stays on the beat; a restart of the publisher is joined
without silence, since the headers do not say how long it took.

The file says that a generative model made it, and where it was heard; which bundle that was, a stream does not say.

If the server goes away, changes its rate, or the user interrupts, what has come is kept as a valid WAV and the report
says `complete: false` and why. If nothing comes at all, there is a `LegandoError` and no file.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from legando.bridge.keys import ClientKeys
from legando.bridge.subscriber import AudioBlock, Subscriber
from legando.realtime.errors import LegandoError
from legando.realtime.recording.riff import TEXT_MAX_BYTES, say_origin

MAX_SECONDS = 3 * 3600.0
MAX_WAV_BYTES = (1 << 32) - 4096 - TEXT_MAX_BYTES
"""A WAV file counts its bytes in 32 bits; what it says of itself is among them."""

QUEUE_MESSAGES = 4096
"""A recorder wants everything: 10 s of 128-frame chunks may wait while a disk stalls."""

INTERRUPTED = "interrupted"
_SILENCE_FRAMES = 48_000

Progress = Callable[[float, float, float], None]
"""Called after each block with the seconds recorded, the seconds wanted, and the block's peak (1.0 is full scale)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenReport:
    """What was recorded: `seconds` and `frames` include the silence that stands for `lost_frames`. [any]

    `latency_ms` has `p50`, `p99` and `max`, from the making of a chunk to its arrival here; `pcm_sha256` is over the
    samples as interleaved little-endian float32. `complete` is False if recording ended early, for the stated `reason`.
    """

    endpoint: str
    stream: str
    out: str
    seconds: float
    sample_rate_hz: int
    channels: int
    frames: int
    gaps: int
    lost_frames: int
    restarts: int
    refused_messages: int
    latency_ms: dict[str, float]
    pcm_sha256: str
    complete: bool
    reason: str


def listen(
    endpoint: str,
    seconds: float,
    out_path: str | os.PathLike[str],
    on_progress: Progress | None = None,
    *,
    stream: str = "main",
    timeout_s: float = 5.0,
    keys: ClientKeys | None = None,
) -> ListenReport:
    """Record `seconds` of a stream to the WAV file `out_path` and return the account. [control]

    Raises `LegandoError` for an endpoint, length or output that cannot be used (before it listens), and when nothing
    arrives within `timeout_s`; then no file is left. The same silence later on ends the recording early.
    """
    if not 0.0 < seconds <= MAX_SECONDS:
        raise LegandoError(f"cannot record {seconds:g} s; give more than 0 and at most {MAX_SECONDS:g} seconds")
    if not timeout_s > 0.0:
        raise LegandoError(f"cannot wait {timeout_s:g} s for sound; give more than 0 seconds")
    out = Path(out_path).resolve()  # through a link, to the file that it names
    with (
        Subscriber(endpoint, stream=stream, max_age_ms=None, queue_messages=QUEUE_MESSAGES, keys=keys) as source,
        contextlib.ExitStack() as stack,
    ):
        part = _open_part(out)
        stack.callback(part.unlink, missing_ok=True)
        first = source.receive(timeout_s * 1e3)
        if first is None:
            raise LegandoError(_nothing_came(source, timeout_s))
        try:
            take = _Take(part, first, seconds)
            with take:
                reason = _record(source, take, first, on_progress, timeout_s)
            if reason == INTERRUPTED:
                take.recount(part)
            say_origin(part, {"stream": stream, "lost_frames": take.lost_frames}, take.digest.hexdigest())
            part.replace(out)
        except (OSError, soundfile.SoundFileError) as error:
            raise LegandoError(f"cannot write {out}: {error}; free some space or choose another place") from error
        return ListenReport(
            endpoint=source.endpoint,
            stream=stream,
            out=os.fspath(out_path),
            seconds=take.frames / take.sample_rate_hz,
            sample_rate_hz=take.sample_rate_hz,
            channels=take.channels,
            frames=take.frames,
            gaps=take.gaps,
            lost_frames=take.lost_frames,
            restarts=take.restarts,
            refused_messages=source.malformed,
            latency_ms=latency_summary_ms(take.latencies_ns),
            pcm_sha256=take.digest.hexdigest(),
            complete=not reason,
            reason=reason,
        )


def latency_summary_ms(latencies_ns: array[int]) -> dict[str, float]:
    """Return `p50`, `p99` (nearest rank) and `max` of latencies in milliseconds. [any]"""
    ordered = np.sort(np.frombuffer(latencies_ns, dtype=np.int64)) / 1e6
    last = len(ordered) - 1
    return {
        "p50": float(ordered[round(0.50 * last)]),
        "p99": float(ordered[round(0.99 * last)]),
        "max": float(ordered[last]),
    }


class _Take:
    """The growing recording: an open WAV file, its digest and its account."""

    def __init__(self, part: Path, first: AudioBlock, seconds: float) -> None:
        self.sample_rate_hz = first.sample_rate_hz
        self.channels = first.frames.shape[1]
        self.wanted_frames = max(1, round(seconds * self.sample_rate_hz))
        if (size_bytes := self.wanted_frames * self.channels * 4) > MAX_WAV_BYTES:
            raise LegandoError(
                f"{seconds:g} s of {self.channels} channels at {self.sample_rate_hz} Hz make {size_bytes} bytes, "
                f"a WAV file holds {MAX_WAV_BYTES}; record fewer seconds at a time"
            )
        self.frames = 0
        self.gaps = 0
        self.lost_frames = 0
        self.restarts = 0
        self.latencies_ns: array[int] = array("q")
        self.digest = hashlib.sha256()
        self._silence = np.zeros((_SILENCE_FRAMES, self.channels), np.float32)
        self._file = soundfile.SoundFile(
            part, "w", samplerate=self.sample_rate_hz, channels=self.channels, format="WAV", subtype="FLOAT"
        )

    @property
    def left_frames(self) -> int:
        return self.wanted_frames - self.frames

    def add(self, block: AudioBlock) -> None:
        """Append a block, after silence for what is missing before it, and stop at the wanted length."""
        missing = min(block.gap_frames, self.left_frames)
        self.gaps += missing > 0
        self.lost_frames += missing
        self.restarts += block.restarted
        self.latencies_ns.append(block.latency_ns)
        while missing:
            piece = self._silence[:missing]
            self._write(piece)
            missing -= len(piece)
        self._write(block.frames[: self.left_frames])

    def recount(self, part: Path) -> None:
        """Take length and digest from the closed file: an interrupt can fall between writing and counting."""
        self.digest = hashlib.sha256()
        self.frames = 0
        with soundfile.SoundFile(part) as written:
            for piece in written.blocks(_SILENCE_FRAMES, dtype="float32", always_2d=True):
                self.digest.update(piece.tobytes())
                self.frames += len(piece)

    def _write(self, frames: NDArray[np.float32]) -> None:
        self._file.write(frames)
        self.digest.update(frames.tobytes())
        self.frames += len(frames)

    def __enter__(self) -> _Take:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _record(source: Subscriber, take: _Take, first: AudioBlock, on_progress: Progress | None, timeout_s: float) -> str:
    """Fill the take; return "" when it is whole, or the reason why it ended early."""
    block: AudioBlock | None = first
    wanted_s = take.wanted_frames / take.sample_rate_hz
    try:
        while True:
            if block is None:
                return f"no sound from {source.endpoint} for {timeout_s:g} s; is the server still running?"
            if (block.sample_rate_hz, block.frames.shape[1]) != (take.sample_rate_hz, take.channels):
                return (
                    f"the stream changed to {block.frames.shape[1]} channels at {block.sample_rate_hz} Hz; listen again"
                )
            take.add(block)
            if on_progress is not None:
                on_progress(take.frames / take.sample_rate_hz, wanted_s, float(np.abs(block.frames).max()))
            if take.left_frames == 0:
                return ""
            block = source.receive(timeout_s * 1e3)
    except KeyboardInterrupt:
        return INTERRUPTED


def _open_part(out: Path) -> Path:
    """Create the temporary file beside `out`, to know before listening that the place can be written."""
    if out.is_dir():
        raise LegandoError(f"cannot write {out}: it is a folder; give a file name, for example {out / 'take.wav'}")
    if out.exists() and not out.is_file():
        raise LegandoError(f"cannot write {out}: it is a device, and a recording replaces what it finds; name a file")
    part = out.with_name(f".{out.name}.{os.getpid()}.{time.monotonic_ns()}.part")
    try:
        part.open("xb").close()
    except OSError as error:
        raise LegandoError(f"cannot write {out}: {error.strerror}; choose another place") from error
    return part


def _nothing_came(source: Subscriber, timeout_s: float) -> str:
    if source.malformed:
        return (
            f"{source.malformed} messages came from {source.endpoint} but none that can be played "
            f"({source.last_refusal}); check the address"
        )
    return (
        f"no sound came from {source.endpoint} (stream {source.stream}) within {timeout_s:g} s; "
        "start the server with: legando serve, or check the address"
    )
