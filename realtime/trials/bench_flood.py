"""`legando bench live --flood N`: so many random and malformed messages at full speed, half MIDI, half OSC. [control]

Before and after the flood a hand plays notes, a knob and a fader, and how long they take is compared: to the frame that
a journal gives an event, and from there by the recording to the time at which that frame was played; a fader from the
first sample that it moves (`bench_live`). After the flood comes a panic. From a second later on no note may sound, by
the journal's snapshots, until a hand plays again, and none may be left at the end. No process may have been replaced.
"""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from legando.realtime.osc.oscwire import build_osc
from legando.realtime.processes import child_pid
from legando.realtime.recording.journal import TakeRecord, read_take
from legando.realtime.ring import Frames
from legando.realtime.show import SAMPLE_RATE_HZ
from legando.realtime.trials.bench_live import KINDS, Delays, Sent, immediate_delay, play_hands
from legando.realtime.trials.jack_recorder import times_us
from legando.realtime.trials.onset import heard_at_us, offsets, percentiles
from legando.realtime.trials.stage import BRIGHTNESS_CC, LEVEL_CC, Stage, free_port

MEASURE_S = 15.0
"""How long hands play before, and after."""

PERIOD_MESSAGES, PERIOD_S = 200, 0.006
"""What a JACK port carries in a period; more is dropped before it reaches legando."""

PANIC = bytes((0xBF, 119, 127))
DRAIN_S = 0.3
"""What is still in the socket's buffer is no later than this."""

QUIET_S = 1.0
SLACK_MS = 30.0
"""By how much the median after a flood may differ from that before: a knob waits 0 to 80 ms for its chunk, so that the
median of a dozen moves by 15 ms, and the machine does other things as well.
"""

SETTLED_FRAMES = SAMPLE_RATE_HZ // 4
"""How long after a panic, and before a hand, a chunk may still know of a note."""

CHILDREN = ("legando.realtime.engine", "legando.realtime.playing.player", "legando.realtime.midi.midiprocess")
_BINDINGS = """
            [[midi.bind]]
            control = "panic"
            cc = 119
            channel = 16
            [[midi.bind]]
            control = "filter"
            cc = 20
            [[midi.bind]]
            control = "mute"
            cc = 21
            mode = "momentary"
            [[midi.bind]]
            control = "density"
            source = "nrpn 300"
"""


def midi_nonsense(rng: random.Random) -> list[int]:
    """Return a random message on the channels 2 to 15, now and then cut short or not MIDI at all. [any]"""
    status = rng.choice((0x80, 0x90, 0x90, 0xA0, 0xB0, 0xB0, 0xC0, 0xD0, 0xE0)) | rng.randrange(1, 15)
    message = [status, rng.randrange(128), rng.randrange(128)]
    what = rng.random()
    if what < 0.05:
        return message[: rng.choice((1, 2))]
    if what < 0.10:  # RtMidi lets long messages pass only where they begin so
        return [0xF0, *(rng.randrange(256) for _ in range(rng.randrange(3, 15))), 0xF7]
    if what < 0.101:
        return [0xF0, 1, 2, 3]  # never ended: RtMidi's JACK input hears nothing more until some 0xF7 comes
    return message


def osc_nonsense(rng: random.Random) -> bytes:
    """Return a random datagram: what legando knows, damaged more often than not. [any]"""
    kinds = (
        build_osc("/legando/control/brightness", (rng.random(),)),
        build_osc("/legando/control/mute/drums", (rng.randrange(2),)),
        build_osc("/legando/note", (rng.randrange(128), rng.randrange(128), rng.randrange(2, 16))),
        build_osc("/legando/scene", (1,)),
        build_osc("/legando/nothing", ("x" * rng.randrange(60),)),
    )
    data = bytearray(rng.choice(kinds))
    if rng.random() < 0.3:
        data = bytearray(b"#bundle\0" + bytes(8) + len(data).to_bytes(4, "big") + data)
    if rng.random() < 0.5:
        data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.2:
        del data[rng.randrange(len(data)) :]
    return bytes(data) if rng.random() < 0.9 else rng.randbytes(rng.randrange(200))


def run_flood(
    *, messages: int, instrument: str, bundle: Path | None, block_frames: int, seed: int = 0
) -> dict[str, Any]:
    """Measure, flood, panic, measure again; return what `--json` prints. Raises LegandoError. [control]"""
    with (
        Stage(instrument=instrument, block_frames=block_frames, bundle=bundle) as stage,
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as out,
    ):
        address = ("127.0.0.1", free_port())
        stage.write_rig(more=f'{_BINDINGS}\n[osc]\nlisten = "127.0.0.1:{address[1]}"\n')
        take, journal = stage.folder / "take.wav", stage.folder / "take.jsonl"
        stage.start_play("--json", "--out", str(take), "--journal", str(journal))
        blocks: list[Frames] = []
        before = play_hands(stage, MEASURE_S, blocks)
        children = [child_pid(stage.play_pid, module) for module in CHILDREN]
        took_s = _flood(stage, out, address, messages, blocks, random.Random(seed))
        flooded_ns = time.perf_counter_ns()
        _calm(stage, out, address, blocks)
        after = play_hands(stage, MEASURE_S, blocks, settle_s=0.0)
        same = children == [child_pid(stage.play_pid, module) for module in CHILDREN]
        figures = stage.stop_play()
        recorded = np.concatenate(blocks)
        stream, _ = soundfile.read(take, dtype="float32", always_2d=True)
        told = read_take(journal)
    device_ms = figures["latency_ms"]["device"]
    panic = panic_frame(told)
    parts = {
        "before": (before, [event for event in told.events if event[0] < panic]),
        "after": (after, [event for event in told.events if event[0] > panic]),
    }
    found = offsets(np.ascontiguousarray(recorded[:, :2]), stream)
    waits = {name: delays_of(sent, events, recorded, stream, found) for name, (sent, events) in parts.items()}
    report: dict[str, Any] = {
        name: {kind: _figures(delays[kind], device_ms) for kind in KINDS} for name, delays in waits.items()
    }
    stuck = stuck_notes(told)
    back = all(
        report["after"][kind]["count"] and report["after"][kind]["p50"] <= report["before"][kind]["p50"] + SLACK_MS
        for kind in KINDS
    )
    return report | {
        "messages": messages,
        "flood_s": round(took_s, 3),
        "events_kept": len(told.events),
        "first_hand_after_s": round((after[0].time_ns - flooded_ns) / 1e9, 3),
        "panic_heard": panic >= 0,
        "same_processes": same,
        "stuck_notes": stuck,
        "latency_back": back,
        "survived": back and same and panic >= 0 and not stuck,
        "play": {name: figures[name] for name in ("underruns", "xruns", "engine_restarts", "player_restarts")},
    }


def _flood(
    stage: Stage, out: socket.socket, address: tuple[str, int], messages: int, blocks: list[Frames], rng: random.Random
) -> float:
    """Send all of it; return how long that took."""
    began_s = time.monotonic()
    for number in range(messages):
        if number % 2:
            out.sendto(osc_nonsense(rng), address)
        else:
            stage.hands.send_message(midi_nonsense(rng))
        if number % (2 * PERIOD_MESSAGES) == 0:
            blocks.append(stage.take_recorded())
            time.sleep(PERIOD_S)
    return time.monotonic() - began_s


def _calm(stage: Stage, out: socket.socket, address: tuple[str, int], blocks: list[Frames]) -> None:
    """End all notes, and put back what the flood has moved in the player; a second after the flood hands play."""
    until_s = time.monotonic() + QUIET_S
    time.sleep(DRAIN_S)
    stage.hands.send_message([0xF7])  # ends what was never ended
    stage.hands.send_message(list(PANIC))
    stage.hands.send_message([0xBF, 119, 0])
    stage.hands.send_message([0xB0, 21, 0])
    stage.hands.send_message([0xB0, LEVEL_CC, 127])
    stage.hands.send_message([0xB0, BRIGHTNESS_CC, 0])
    moves = (("filter", 0.0), ("mute", 0.0), ("freeze", 0.0), ("tempo", 120.0))
    while time.monotonic() < until_s:
        for name, value in moves:
            out.sendto(build_osc(f"/legando/control/{name}", (value,)), address)
        blocks.append(stage.take_recorded())
        time.sleep(0.1)


def delays_of(
    sent: Iterable[Sent],
    events: Sequence[tuple[int, bytes]],
    recorded: Frames,
    stream: Frames,
    found: npt.NDArray[np.int64],
) -> dict[str, Delays]:
    """Return how long each event took to the frame at which it acts; without the device. [any]"""
    sound, times = np.ascontiguousarray(recorded[:, :2]), times_us(recorded)
    delays = {kind: Delays() for kind in KINDS}
    left = list(events)
    for one in sent:
        if one.kind == "immediate":
            immediate_delay(one, sound, stream, times, found, delays["immediate"])
            continue
        index = next((n for n, event in enumerate(left) if event[1] == one.message), None)
        at_us = heard_at_us(left.pop(index)[0], found, times) if index is not None else None
        if at_us is None:
            delays[one.kind].lost += 1
        else:
            delays[one.kind].ms.append(at_us / 1000.0 - one.time_ns / 1e6)
    return delays


def panic_frame(told: TakeRecord) -> int:
    """Return the frame of the panic that ends the flood, -1 where it was lost. [any]"""
    return max((frame for frame, message in told.events if message == PANIC), default=-1)


def stuck_notes(told: TakeRecord) -> list[int]:
    """Return the pitches that sound from the panic on though no hand has played them: none, if all is well. [any]"""
    panic = panic_frame(told)
    hands = min((frame for frame, message in told.events if message[0] == 0x90 and frame > panic), default=None)
    stuck: set[int] = set(told.chunks[-1].controls["held"]) if told.chunks else set()
    for chunk in told.chunks:
        if chunk.frame > panic + SETTLED_FRAMES and (hands is None or chunk.frame < hands - SETTLED_FRAMES):
            stuck.update(chunk.controls["held"])
    return sorted(stuck)


def _figures(delays: Delays, device_ms: float) -> dict[str, Any]:
    return {
        **percentiles([ms + device_ms for ms in delays.ms]),
        "count": len(delays.ms),
        "lost": delays.lost,
    }
