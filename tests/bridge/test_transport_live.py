"""A song's tempo and bar, sent over the bridge to a real server: the music that comes back is on the song's grid."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.bridge import controlmessages as say
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber

RATE = 48_000
STAYS_BEATS = 3
HOP = 240
WINDOW = 1024
RIG = """
[bridge]
publish = {audio}
control = {control}
[[scene]]
name = "beat"
prompts = ["driving techno, dark and dry"]
tempo_bpm = 120.0
"""


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str]]:
    """Run `legando serve` on the shipped bundle; yield its addresses."""
    audio, control = f"ipc://{folder}/a.ipc", f"ipc://{folder}/c.ipc"
    rig = folder / "rig.toml"
    rig.write_text(RIG.format(audio=json.dumps(audio), control=json.dumps(control)))
    words = ["serve", "--rig", str(rig), "--live", "--no-spares", "--seed", "3"]
    program = "import sys; from legando.realtime.cli import main; sys.exit(main())"
    with subprocess.Popen([sys.executable, "-c", program, *words], stderr=subprocess.PIPE) as server:
        try:
            yield audio, control
        finally:
            server.terminate()
            server.communicate(timeout=30)


@dataclass(slots=True)
class Song:
    """Where a program's own song is: at `tick` when `frame` sounds, at a tempo that it alone decides."""

    tempo_bpm: float
    tick: float
    frame: int

    def tick_at(self, frames: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(self.tick + (np.asarray(frames) - self.frame) * self.tempo_bpm / (15.0 * RATE))


@dataclass(slots=True)
class Heard:
    """What came while a song led: the sound from `start` on, and where the server said that it was."""

    start: int
    sound: list[NDArray[np.float32]] = field(default_factory=list)
    beats: list[say.BeatEvent] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return sum(map(len, self.sound)) / RATE


def hear(subscriber: Subscriber, remote: Remote, song: Song, seconds: float, within_ticks: float) -> Heard:
    """Lead for so long after the server has come as near to the song as that, and stayed there.

    On a busy machine it was once seen on the line at one beat, just after its jump, and beside it at the next.
    """
    heard: Heard | None = None
    near = 0
    until = time.monotonic() + 30.0 + seconds
    led_s = 0.0
    newest = song.frame
    while heard is None or heard.seconds < seconds:
        assert time.monotonic() < until, f"it does not follow {song}: {remote.state.beat}"
        if time.monotonic() > led_s + 0.25:
            remote.transport(song.tempo_bpm, float(song.tick_at(newest)), frame_position=newest)
            led_s = time.monotonic()
        while (block := subscriber.receive(5.0)) is not None:
            assert heard is None or not block.gap_frames
            newest = block.frame_position + len(block.frames)
            if heard is not None:
                heard.sound.append(block.frames)
        for event in remote.events(1.0):
            if isinstance(event, say.BeatEvent):
                off = abs(event.tick - float(song.tick_at(event.frame_position)))
                if heard is not None:
                    heard.beats.append(event)
                else:
                    follows = event.following and event.tempo_bpm == song.tempo_bpm and off < within_ticks
                    near = near + 1 if follows else 0
                    heard = Heard(newest) if near == STAYS_BEATS else None
    return heard


def onsets(sound: NDArray[np.float32], low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """Return how much a band's spectrum grows from hop to hop, above its median; the window ends at the hop's frame."""
    mono = np.pad(sound.mean(axis=1), (WINDOW, 0))
    windows = np.lib.stride_tricks.sliding_window_view(mono, WINDOW)[: len(sound) : HOP]
    hz = np.fft.rfftfreq(WINDOW, 1 / RATE)
    spectrum = np.log1p(100 * np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)))[
        :, (hz >= low_hz) & (hz < high_hz)
    ]
    flux = np.maximum(0.0, np.diff(spectrum, axis=0, prepend=spectrum[:1])).sum(axis=1)
    above: NDArray[np.float64] = np.maximum(0.0, flux - np.median(flux))
    return above


def folded(ticks: NDArray[np.float64], strength: NDArray[np.float64]) -> tuple[float, float]:
    """Return how strongly onsets gather at one place between two sixteenths (0 to 1), and where that is, in ticks."""
    gathered = (strength * np.exp(2j * np.pi * ticks)).sum() / strength.sum()
    return float(abs(gathered)), float(np.angle(gathered)) / (2 * np.pi)


def judge(heard: Heard, song: Song) -> None:
    """The events are on the song's line, and so is the sound: on its sixteenths, and the bass on its beats."""
    for beat in heard.beats:
        assert beat.tempo_bpm == song.tempo_bpm
        assert abs(beat.tick - float(song.tick_at(beat.frame_position))) < 0.05, "a twentieth of a sixteenth"
    sound = np.concatenate(heard.sound)
    frames = heard.start + HOP * np.arange(-(-len(sound) // HOP), dtype=np.float64)
    ticks = song.tick_at(frames)
    strength = onsets(sound, 2000.0, 16_000.0)
    together, at_ticks = folded(ticks, strength)
    at_ms = 15_000.0 * at_ticks / song.tempo_bpm
    assert together > 0.3 and abs(at_ms) < 20.0, f"gathered {together:.2f} at {at_ms:+.1f} ms"
    for other in (0.8, 1.2):  # the same sound on another tempo's grid is spread all over it
        assert folded(ticks * other, strength)[0] < 0.5 * together
    kick = onsets(sound, 30.0, 150.0)
    sixteenth = np.round(ticks).astype(np.int64) % 16
    on_beat, off_beat = kick[sixteenth % 4 == 0].mean(), kick[sixteenth % 4 != 0].mean()
    assert on_beat > 1.2 * off_beat, "the kick is where the song's beats are"


@pytest.mark.timeout(120)
def test_the_music_follows_a_songs_tempo_and_bar(tmp_path: Path) -> None:
    with serving(tmp_path) as (audio, control), Subscriber(audio, max_age_ms=None) as subscriber:
        first = subscriber.receive(60_000)
        assert first is not None
        with Remote(control, timeout_ms=20_000.0) as remote:
            song = Song(100.0, 3203.0, first.frame_position)  # far from where the music is: it jumps there
            judge(hear(subscriber, remote, song, 3.5, 0.01), song)
            block = subscriber.receive(5_000)
            assert block is not None
            frame = block.frame_position
            song = Song(150.0, float(song.tick_at(frame)), frame)  # goes on from the same place, faster
            judge(hear(subscriber, remote, song, 3.5, 0.05), song)
            assert subscriber.lost_frames == 0
