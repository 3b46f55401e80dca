"""`legando bench live`: what a hand waits for its sound, and what the sound survives. [control]"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from legando.realtime.exits import EXIT_OK

EXIT_FAILED = 1


def bench_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Run the bench that was asked for; status 1 when a soak or the kills heard a break. [control]"""
    if arguments.soak is not None:
        from legando.realtime.bench_soak import run_soak

        report = run_soak(
            minutes=arguments.soak,
            hogs=arguments.hogs,
            instrument=instrument,
            bundle=arguments.bundle,
            block_frames=arguments.block,
            lead_ms=arguments.lead,
        )
        return _tell(arguments, report, _soak_lines(report), failed=report["breaks"] > 0)
    if arguments.kills or arguments.jack_restarts:
        from legando.realtime.bench_kills import run_kills

        report = run_kills(
            kills=arguments.kills,
            jack_restarts=arguments.jack_restarts,
            instrument=instrument,
            bundle=arguments.bundle,
            block_frames=arguments.block,
            say=lambda text: print(text, file=sys.stderr),
        )
        return _tell(arguments, report, _kill_lines(report), failed=not report["sound_back_each_time"])
    from legando.realtime.bench_live import run_latency

    report = run_latency(
        seconds=arguments.seconds,
        instrument=instrument,
        bundle=arguments.bundle,
        block_frames=arguments.block,
        lead_ms=arguments.lead,
    )
    return _tell(arguments, report, _latency_lines(report), failed=False)


def _tell(arguments: argparse.Namespace, report: dict[str, Any], lines: list[str], *, failed: bool) -> int:
    print(json.dumps(report) if arguments.json else "\n".join(lines))
    return EXIT_FAILED if failed else EXIT_OK


def _latency_lines(report: dict[str, Any]) -> list[str]:
    lines = ["control to sound, ms      p50     p95     p99   of which"]
    for kind in ("note", "knob", "immediate"):
        told = report[kind]
        parts = ", ".join(f"{name} {value:.1f}" for name, value in told["parts_ms"].items())
        lost = f" ({told['lost']} of {told['lost'] + told['count']} not found)" if told["lost"] else ""
        lines.append(f"{kind:<20} {told['p50']:8.1f}{told['p95']:8.1f}{told['p99']:8.1f}   {parts}{lost}")
    played = report["play"]
    return [
        *lines,
        f"{played['underruns']} underruns, {played['xruns']} xruns, {report['breaks']} breaks in the waveform",
    ]


def _soak_lines(report: dict[str, Any]) -> list[str]:
    return [
        f"{report['minutes']:g} minutes beside {report['hogs']} busy processes: {report['breaks']} breaks in the "
        f"waveform, {report['play']['underruns']} underruns, {report['play']['xruns']} xruns; "
        f"chunks by steps {report['play']['ladder']}"
    ]


def _kill_lines(report: dict[str, Any]) -> list[str]:
    lines = []
    for what in ("engine", "player", "jack"):
        told = report[what]
        if told["count"]:
            lines.append(
                f"{what}: {told['count']} times, silent for {told['median_s']:.2f} s at the median, "
                f"{told['worst_s']:.2f} s at worst"
            )
    if report["engine"]["count"]:
        back = report["music_back"]
        lines.append(f"new music after {back['median_s']:.2f} s at the median, {back['worst_s']:.2f} s at worst")
    grown = report["growth"]
    lines.append(f"memory {grown['memory_mb']:+.1f} MB, file handles {grown['handles']:+d}")
    return lines
