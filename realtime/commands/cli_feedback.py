"""`legando feedback`: what the performer liked, from journals. [control]"""

from __future__ import annotations

import argparse
import contextlib
import json
from functools import partial
from pathlib import Path

from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK
from legando.realtime.instrument import load_instrument
from legando.realtime.recording.journal import TakeRecord, read_take
from legando.realtime.recording.replay import replay, replay_bundle
from legando.realtime.watching.clips import Clip, Cutter, clips_of, cut_take, take_beside
from legando.realtime.watching.moments import Moments
from legando.realtime.watching.opinion import Opinion


def feedback_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Say what was liked; with `--clips` write the moments. [control]"""
    journals: list[Path] = arguments.journals
    twice = {path for path in journals if journals.count(path) > 1}
    if twice:
        raise LegandoError(f"{min(twice)} is given twice; give each journal once, or its marks count twice")
    records = {path: read_take(path) for path in journals}
    for path, record in records.items():
        if not record.chunks or not record.about:
            raise LegandoError(f"the journal {path} holds no chunk; the take ended before its first sound")
    opinion = Opinion()
    for record in records.values():
        opinion.add(Moments(record))
    written: list[Path] = []
    if arguments.clips is not None:
        written = _clips(records, arguments.clips, arguments.bundle, instrument)
    if arguments.json:
        print(json.dumps(opinion.plain() | {"clips": [str(path) for path in written]}))
    else:
        print("\n".join([*opinion.lines(), *(f"clip {path}" for path in written)]))
    return EXIT_OK


def _clips(records: dict[Path, TakeRecord], folder: Path, bundle: Path | None, instrument: str) -> list[Path]:
    """Write each liked moment; every name is free before the first is written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LegandoError(f"the folder {folder} cannot be made: {error.strerror}; choose another place") from error
    wanted = {path: clips_of(record, path, folder) for path, record in records.items()}
    names = [clip.path for clips in wanted.values() for clip in clips]
    for name in names:
        if name.exists() or names.count(name) > 1:
            raise LegandoError(f"{name} is there already or would be written twice; choose an empty folder")
    try:
        for path, clips in wanted.items():
            take = take_beside(path)
            if clips and take is not None:
                cut_take(take, clips)
            elif clips:
                _make_again(records[path], clips, bundle, instrument)
    except BaseException:  # all clips or none, so that the next try finds its names free
        for name in names:
            name.unlink(missing_ok=True)
        raise
    return names


def _make_again(record: TakeRecord, clips: list[Clip], bundle: Path | None, instrument: str) -> None:
    loaded = load_instrument(instrument, replay_bundle(record, bundle))
    with contextlib.closing(Cutter(clips)) as cutter:
        report = replay(record, loaded, cutter.put, partial(load_instrument, instrument))
        cutter.finish()
    if not report.same:
        raise LegandoError(f"the clips are not what was heard: {report.sentence()}; give the take's own --bundle")
