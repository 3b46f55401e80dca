"""`legando gpu check`: a card's kernels and back ends proven and measured, or the kernels on the CPU shim. [control]"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any

from legando.realtime.arguments import refuse_foreign
from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK

EXIT_FAILED = 1
STREAMS = 8


def gpu_command(arguments: argparse.Namespace) -> int:
    """Run all checks; status 1 when a kernel differs from its reference. [control]"""
    job = "gpu check --report" if arguments.report is not None else "gpu check"
    refuse_foreign(arguments, job, dict.fromkeys(("quick", "bundle"), ("gpu check --report",)))
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
    whole = _whole_report(arguments, open_device, about, report) if arguments.report is not None else None
    if arguments.json:
        print(json.dumps(report if whole is None else whole))
    if arguments.out is not None:
        write_report(arguments.out, report, found)
    return EXIT_OK if report["equal"] else EXIT_FAILED


def _whole_report(
    arguments: argparse.Namespace, open_device: Any, about: dict[str, str], kernels: dict[str, Any]
) -> dict[str, Any]:
    """Measure section by section, writing the report anew after each: a machine that dies has told what it could."""
    from legando.engines.bundle import Bundle
    from legando.engines.card.check import QUICK, SHIM, Effort, machine, sections, shim_makers
    from legando.engines.card.report import write_report
    from legando.engines.card.sections import run_sections

    effort = SHIM if arguments.shim else QUICK if arguments.quick else Effort()
    report: dict[str, Any] = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "shim": bool(arguments.shim),
        "about": {**about, **machine()},
        "kernels": kernels["kernels"],
        "sections": {},
    }
    makers = shim_makers() if arguments.shim else None
    work = sections(lambda: Bundle.load(arguments.bundle), open_device, effort, makers=makers)
    paths = write_report(arguments.report, report)
    for section in run_sections(work):
        report["sections"][section.name] = section.plain()
        paths = write_report(arguments.report, report)
        if not arguments.json:
            print(f"{section.name}: {section.reason or 'measured'} ({section.seconds:.1f} s)", flush=True)
    if not arguments.json:
        print("written: " + ", ".join(str(path) for path in paths))
    return report
