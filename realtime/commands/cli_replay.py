"""`legando replay`: a take made again from its journal. [control]"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK, EXIT_USER
from legando.realtime.instrument import load_instrument
from legando.realtime.recording.journal import read_take
from legando.realtime.recording.replay import replay, replay_bundle
from legando.realtime.recording.takefile import check_take_name, open_take
from legando.realtime.ring import Frames
from legando.realtime.screen.display import Display
from legando.realtime.show import CHANNELS, SAMPLE_RATE_HZ


def replay_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Make the take again; status 0 when it is the same, bit for bit. [control]"""
    out: Path | None = arguments.out
    if out is not None:
        check_take_name(out)
    record = read_take(arguments.journal)
    loaded = load_instrument(instrument, replay_bundle(record, arguments.bundle))
    with ExitStack() as stack:
        file = None
        if out is not None:
            file = open_take(
                out,
                sample_rate_hz=SAMPLE_RATE_HZ,
                channels=CHANNELS,
                about=record.about | {"replayed_from": arguments.journal.name},
            )
            stack.callback(file.close)

        def keep(frames: Frames) -> None:
            if file is not None:
                try:
                    file.write(np.ascontiguousarray(frames))
                except OSError as error:
                    raise LegandoError(f"{file.name} cannot be written ({error}); free some room there") from error

        report = replay(record, loaded, keep, partial(load_instrument, instrument))
    if arguments.json:
        print(json.dumps(report.plain() | ({"out": str(out)} if out is not None else {})))
    else:
        Display().say(report.sentence() + (f"; saved to {out}" if out is not None else ""))
    return EXIT_OK if report.same else EXIT_USER
