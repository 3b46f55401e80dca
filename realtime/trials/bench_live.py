"""`legando bench live`: control-to-sound latency of the real `play`, read from the recorded waveform. [control]

The method. `play` runs as typed, on a dummy JACK server; a hand plays notes, a knob (brightness) and a fader (level) at
random moments on a virtual MIDI port; a recorder keeps what is handed to the server, with JACK's time of each frame, on
the clock on which the messages were stamped before they were sent. So the way of the MIDI message is in the figures.

- `immediate`: the first recorded frame that is not the one that left the engine (`play --out` keeps those).
- `knob`: the take is made again from its journal, bit for bit, once with and once without the event (`twin`); the
  first frame that differs by more than -60 dB is where it is heard, and the recorder knows when that frame was played.
- `note`: likewise, where the pitch of the key begins in the difference of the two (`onset.first_of_pitch`).

To each the device's own latency is added as its driver reports it, since the recorder sits before the device. Only
events in takes that the twin reproduces count; how many do not is printed (`lost`).

The parts are those of ARCHITECTURE.md: `compute`, `margin`, `lead` and `device` as `play` reports them, `codec` from
the waveform (from the chunk's or note's first frame to the first that differs); `wait`, for the boundary and with the
way of the message, is what remains of the median.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from legando.realtime.errors import LegandoError
from legando.realtime.instrument import load_instrument
from legando.realtime.rigs.rig import read_rig
from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ, Show
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import (
    BLOCK,
    breaks,
    first_difference,
    first_of_pitch,
    heard_at_us,
    offsets,
    percentiles,
)
from legando.realtime.trials.stage import BRIGHTNESS_CC, LEVEL_CC, Stage
from legando.realtime.trials.twin import Event, Twin, read_journal

SETTLE_S = 2.0
"""How long it plays before the first event: costs are learned, the delay of notes is known."""

REST_S = 1.0
GAP_S = (0.20, 0.42)
"""Between two events; uneven, so that all places in a chunk are met."""

NOTE_S, DIP_S = 0.12, 0.1
PITCHES = (84, 86, 88, 91, 93)
KINDS = ("note", "knob", "immediate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What the hand did, and when."""

    kind: str
    time_ns: int
    message: bytes


@dataclass(slots=True)
class Delays:
    """What was measured of one kind, in milliseconds, without the device; `codec_ms` is the part inside the chunk."""

    ms: list[float] = field(default_factory=list)
    codec_ms: list[float] = field(default_factory=list)
    lost: int = 0


def play_hands(
    stage: Stage, seconds: float, blocks: list[Frames], seed: int = 0, *, settle_s: float = SETTLE_S
) -> list[Sent]:
    """Send events for so long, recording meanwhile; return what was sent. [control]"""
    rng = np.random.default_rng(seed)
    sent: list[Sent] = []
    bright = False

    def send(message: Sequence[int], kind: str = "") -> None:
        now_ns = time.perf_counter_ns()
        stage.hands.send_message(list(message))
        if kind:
            sent.append(Sent(kind=kind, time_ns=now_ns, message=bytes(message)))

    def rest(for_s: float) -> None:
        end = time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            blocks.append(stage.take_recorded())
            if not stage.playing:
                raise LegandoError(f"legando play ended too early: {stage.said().strip()}")
            time.sleep(min(left, 0.05))

    rest(settle_s)
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        kind = KINDS[number % len(KINDS)]
        if kind == "note":
            pitch = PITCHES[number // len(KINDS) % len(PITCHES)]
            send((0x90, pitch, 110), kind)
            rest(NOTE_S)
            send((0x80, pitch, 0))
        elif kind == "knob":
            bright = not bright
            send((0xB0, BRIGHTNESS_CC, 127 * bright), kind)
        else:
            send((0xB0, LEVEL_CC, 0), kind)
            rest(DIP_S)
            send((0xB0, LEVEL_CC, 127))
        number += 1
        rest(float(rng.uniform(*GAP_S)))
    rest(REST_S)
    return sent


def measure(
    sent: Sequence[Sent], recorded: Frames, stream: Frames, twin: Twin, events: Sequence[Event]
) -> tuple[dict[str, Delays], int]:
    """Return the delays of each kind, and how often the recording breaks. Times are `perf_counter`'s. [any]

    recorded: (frames, 4) as the recorder wrote it; stream: (frames, 2) as it left the engine; events: the journal.
    """
    sound, times = np.ascontiguousarray(recorded[:, :2]), times_us(recorded)
    found = offsets(sound, stream)
    delays = {kind: Delays() for kind in KINDS}
    journal = list(events)
    targets: list[tuple[Sent, Event]] = []
    for one in sent:
        index = next((n for n, event in enumerate(journal) if event.message == one.message), None)
        if index is None:
            delays[one.kind].lost += 1
            continue
        event = journal.pop(index)
        if one.kind == "immediate":
            immediate_delay(one, sound, stream, times, found, delays["immediate"])
        else:
            targets.append((one, event))
    waiting = {id(event): one for one, event in targets}
    for effect in twin.effects(stream, [event for _, event in targets]):
        one = waiting.pop(id(effect.event))
        if one.kind == "note":
            hz = 440.0 * 2.0 ** ((one.message[1] - 69) / 12)
            onset = first_of_pitch(effect.made, effect.without, hz, SAMPLE_RATE_HZ)
            due = effect.event.frame - effect.position_frames
        else:
            onset, due = first_difference(effect.made, effect.without), 0
        at_us = None if onset is None else heard_at_us(effect.position_frames + onset, found, times)
        if onset is None or at_us is None:
            delays[one.kind].lost += 1
            continue
        delays[one.kind].ms.append(at_us / 1000.0 - one.time_ns / 1e6)
        delays[one.kind].codec_ms.append(1000.0 * (onset - due) / SAMPLE_RATE_HZ)
    for one in waiting.values():
        delays[one.kind].lost += 1
    return delays, breaks(found)


def immediate_delay(one: Sent, sound: Frames, stream: Frames, times: Any, found: Any, delays: Delays) -> None:
    """Find the first frame after a message that is not what left the engine. [any]"""
    first = int(np.searchsorted(times, one.time_ns // 1000)) // BLOCK
    for number in range(first, min(first + 200, len(found))):
        at, offset = number * BLOCK, int(found[number])
        if offset < 0:
            break
        wrong = np.flatnonzero(np.any(sound[at : at + BLOCK] != stream[at + offset : at + offset + BLOCK], axis=1))
        if len(wrong):
            delays.ms.append(float(times[at + wrong[0]]) / 1000.0 - one.time_ns / 1e6)
            delays.codec_ms.append(0.0)
            return
    delays.lost += 1


def parts_of(kind: str, delays: Delays, latency_ms: dict[str, float]) -> dict[str, float]:
    """Return the parts of the median; they add up to it. [any]"""
    names = ("compute", "margin", "lead") if kind != "immediate" else ()
    parts = {name: latency_ms[name] for name in names}
    parts["codec"] = percentiles(delays.codec_ms)["p50"]
    parts["device"] = latency_ms["device"]
    whole = percentiles(delays.ms)["p50"] + latency_ms["device"]
    parts = {"wait": whole - sum(parts.values()), **parts}
    return {name: round(value, 3) for name, value in parts.items()}


def run_latency(
    *, seconds: float, instrument: str, bundle: Path | None, block_frames: int, lead_ms: float | None
) -> dict[str, Any]:
    """Measure, and return what `--json` prints. Raises LegandoError, one sentence. [control]"""
    lines = "" if lead_ms is None else f"lead_ms = {lead_ms}"
    with Stage(instrument=instrument, block_frames=block_frames, rig_lines=lines, bundle=bundle) as stage:
        stage.write_rig()
        take, journal = stage.folder / "take.wav", stage.folder / "take.jsonl"
        stage.start_play("--json", "--out", str(take), "--journal", str(journal))
        blocks: list[Frames] = []
        sent = play_hands(stage, seconds, blocks)
        figures = stage.stop_play()
        recorded = np.concatenate(blocks)
        stream, _ = soundfile.read(take, dtype="float32", always_2d=True)
        taken = read_journal(journal)
        rig = read_rig(stage.rig_path)
        show = Show(rig=rig, bundle=bundle, piece=None, seconds=None)
        twin = Twin(load_instrument(instrument, bundle), show, taken)
        delays, broken = measure(sent, recorded, stream, twin, taken.events)
    latency = figures["latency_ms"]
    report: dict[str, Any] = {}
    for kind in KINDS:
        told = delays[kind]
        report[kind] = {
            **percentiles([ms + latency["device"] for ms in told.ms]),
            "count": len(told.ms),
            "lost": told.lost,
            "parts_ms": parts_of(kind, told, latency),
        }
    return report | {
        "seconds": seconds,
        "block_frames": block_frames,
        "breaks": broken,
        "reproduced_s": round(twin.same_frames / SAMPLE_RATE_HZ, 3),
        "play": {name: figures[name] for name in ("underruns", "xruns", "ladder", "real_time", "compute_ms", "engine")},
    }
