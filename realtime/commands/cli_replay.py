"""`legando replay`: a take made again from its journal. [control]"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from legando.realtime.exits import EXIT_OK, EXIT_USER
from legando.realtime.instrument import load_instrument
from legando.realtime.midi.notefile import check_note_file
from legando.realtime.recording.journal import read_take
from legando.realtime.recording.replay import replay, replay_bundle
from legando.realtime.recording.takefile import check_take_name
from legando.realtime.recording.takesheet import TakeSheet
from legando.realtime.recording.wholetake import WholeTake
from legando.realtime.ring import Frames
from legando.realtime.screen.display import Display
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ


def replay_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Make the take again; status 0 when it is the same, bit for bit. [control]"""
    out: Path | None = arguments.out
    notes: Path | None = arguments.notes
    if out is not None:
        check_take_name(out)
    if notes is not None:
        check_note_file(notes)
    record = read_take(arguments.journal)
    loaded = load_instrument(instrument, replay_bundle(record, arguments.bundle))
    about = record.about | {"replayed_from": arguments.journal.name}
    sheet = TakeSheet(record) if notes is not None else None
    with ExitStack() as stack:
        keep = _nowhere
        if out is not None:
            keep = stack.enter_context(
                WholeTake(out, sample_rate_hz=SAMPLE_RATE_HZ, channels=CHANNELS, about=about)
            ).write
        report = replay(record, loaded, keep, partial(load_instrument, instrument), sheet)
        if sheet is not None and notes is not None:
            sheet.write(notes, report.frames)
    saved = {"out": out, "notes": notes}
    if arguments.json:
        print(json.dumps(report.plain() | {what: str(path) for what, path in saved.items() if path is not None}))
    else:
        files = [str(path) for path in saved.values() if path is not None]
        Display().say(report.sentence() + (f"; saved to {' and '.join(files)}" if files else ""))
    return EXIT_OK if report.same else EXIT_USER


def _nowhere(frames: Frames) -> None:
    """Let the sound go: the replay hashes it itself."""
