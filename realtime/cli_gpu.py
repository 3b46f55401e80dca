"""`legando gpu check`: the CUDA kernels against their references, on a card or on the CPU shim. [control]"""

from __future__ import annotations

import argparse
import json

from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK

EXIT_FAILED = 1
STREAMS = 8


def gpu_command(arguments: argparse.Namespace) -> int:
    """Run all checks; status 1 when a kernel differs from its reference. [control]"""
    from legando.kernels.check import HEADER, SHIM_STREAMS, opener, report_of, rows, write_report

    if arguments.out is not None and arguments.out.suffix not in (".json", ".md"):
        raise LegandoError(f"--out {arguments.out} is neither .json nor .md; choose one of these")
    open_device, about = opener(arguments.shim)
    streams = arguments.streams or (SHIM_STREAMS if arguments.shim else STREAMS)
    if not arguments.json:
        print(f"{', '.join(about.values())}; {streams} streams", HEADER, sep="\n")
    found = []
    for row in rows(open_device, streams):
        found.append(row)
        if not arguments.json:
            print(row.text(), flush=True)
    report = report_of(about, streams, found)
    if arguments.json:
        print(json.dumps(report))
    if arguments.out is not None:
        write_report(arguments.out, report, found)
    return EXIT_OK if report["equal"] else EXIT_FAILED
