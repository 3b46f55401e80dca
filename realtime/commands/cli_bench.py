"""`legando bench`: what it costs, what a hand waits for its sound, and what the sound survives. [control]

`live` and `loopback` are here; the suites are in `legando.bench`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from legando.realtime.arguments import number, whole
from legando.realtime.commands.benchjobs import DEFAULTS, settle
from legando.realtime.errors import LegandoError
from legando.realtime.exits import EXIT_OK

EXIT_FAILED = 1
ALONE = ("live", "loopback", "figures")
SUITES = ("chunk", "held", "ring", "bridge", "midi", "start", "memory", "roofline")
USAGE = """legando bench [SUITE ...] [--quick] [--report DIR] [--against COMMIT] ...
       legando bench peers [--install]
       legando bench live [--soak MINUTES | --kills N | --flood N | ...]
       legando bench loopback [--device NAME | --cable]
       legando bench record [REPORT ...]
       legando bench figures [--write]"""


def add_bench_arguments(bench: argparse.ArgumentParser) -> None:
    """Say what `legando bench` understands; `benchjobs.settle` puts the defaults in. [control]"""
    bench.usage = USAGE
    suites = bench.add_argument_group(
        "suites: what each part costs",
        f"Of {', '.join(SUITES)}, those that are named, or all. Not in all: peers, the same beside other programs.",
    )
    suites.add_argument("what", nargs="*", metavar="SUITE", help="or peers, live, loopback, record, figures, as above")
    suites.add_argument("--quick", action="store_true", help="fewer samples: all suites in less than two minutes")
    suites.add_argument("--report", type=Path, metavar="DIR", help="write a page with charts, and pictures")
    suites.add_argument("--against", metavar="FILE|COMMIT", help="compare; a commit runs in turn with this tree")
    suites.add_argument("--gate", action="store_true", help="status 1 when p99 or late chunks are worse, or too many")
    suites.add_argument("--history", type=Path, metavar="FILE", help="where to add a line; default: the user's state")
    suites.add_argument("--install", action="store_true", help="peers: install them into environments of their own")
    every = bench.add_argument_group("shared", "For suites and live alike; --json for loopback, --bundle for record.")
    every.add_argument("--json", nargs="?", const="-", metavar="FILE", help="keep all samples; default: print them")
    every.add_argument("--bundle", type=Path, metavar="DIR", help="the model; default: the shipped one")
    live = bench.add_argument_group(
        "live: the wait from hand to sound, by the waveform",
        "Plays on a dummy JACK server (Debian: jackd2). With --soak, --kills, --flood, --sweeps or --rollout it is a "
        "trial instead: what the sound survives; status 1 when it does not.",
    )
    seconds, times = number("length in seconds", 0.1, 86_400.0), whole("number of times", 1, 100_000)
    live.add_argument("--seconds", type=seconds, metavar="S", help="how long events are sent; default: 60")
    minutes, hogs = number("length in minutes", 0.05, 10_000.0), whole("number of processes", 0, 256)
    live.add_argument("--soak", type=minutes, metavar="MINUTES", help="look for breaks in the sound so long")
    live.add_argument("--hogs", type=hogs, metavar="N", help="busy processes beside a soak; default: 1")
    live.add_argument("--kills", type=times, metavar="N", help="kill engine or player so often")
    live.add_argument(
        "--jack-restarts",
        type=times,
        metavar="M",
        help="end the JACK server so often, alone or with --kills",
    )
    live.add_argument("--flood", type=times, metavar="N", help="send so many random messages")
    live.add_argument("--rollout", type=Path, metavar="DIR", help="let another bundle in and out again")
    live.add_argument("--times", type=times, metavar="N", help="how often, for --rollout; default: 3")
    live.add_argument("--sweeps", type=seconds, metavar="S", help="sweep faders at full speed so long")
    block, lead = whole("block size", 16, 8192), number("lead in ms", 0.0, 2000.0)
    live.add_argument("--block", type=block, metavar="N", help="frames of the device's block; default: 256")
    live.add_argument("--lead", type=lead, metavar="MS", help="how far ahead of the device; default: the rig's")
    loop = bench.add_argument_group(
        "loopback: the wait of the sound device itself",
        "Clicks leave by an output and come back by an input, over a cable of yours. With --block, too.",
    )
    loop.add_argument("--device", metavar="NAME", help="a sound device with outputs and inputs; default: the system's")
    loop.add_argument("--clicks", type=whole("number of clicks", 2, 10_000), metavar="N", help="how many; default: 50")
    loop.add_argument("--cable", action="store_true", help="on JACK: connect our output to our input, without a device")
    pages = bench.add_argument_group(
        "record and figures: numbers on the pages, in a checkout",
        "record makes the reports anew that the pages quote: bench, live, energy, peers, or those that are named "
        "(drift, soak and tests take longer). figures holds the pages to them; status 1 where they differ.",
    )
    pages.add_argument("--write", action="store_true", help="figures: write them into the pages instead of checking")
    bench.set_defaults(**dict.fromkeys(DEFAULTS))  # so that what is given can be told from what is not


def bench_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Run the bench that was asked for. [control]

    Status 1 when a soak or the kills heard a break, or when the gate stays shut.
    """
    alone = [name for name in arguments.what if name in ALONE]
    if alone and len(arguments.what) > 1 and arguments.what[0] != "record":
        raise LegandoError(f"{' and '.join(arguments.what)} cannot run together; run live, loopback and figures alone")
    settle(arguments)
    if arguments.what == ["loopback"]:
        from legando.bench.loopback import run_loopback

        told = run_loopback(
            device=arguments.device,
            block_frames=arguments.block,
            clicks=arguments.clicks,
            cable=arguments.cable,
        )
        return _tell(arguments, told, _loopback_lines(told), failed=False)
    if arguments.what != ["live"]:
        from legando.bench.command import command

        return command(arguments, instrument)
    return _live(arguments, instrument)


def _live(arguments: argparse.Namespace, instrument: str) -> int:
    """Run what `bench live` is asked for: latency, or one of the trials instead."""
    common: dict[str, Any] = {
        "instrument": instrument,
        "bundle": arguments.bundle,
        "block_frames": arguments.block,
    }
    if arguments.soak is not None:
        from legando.realtime.trials.bench_soak import run_soak

        report = run_soak(minutes=arguments.soak, hogs=arguments.hogs, lead_ms=arguments.lead, **common)
        return _tell(arguments, report, _soak_lines(report), failed=report["breaks_of_play"] > 0)
    if arguments.kills or arguments.jack_restarts:
        from legando.realtime.trials.bench_kills import run_kills

        report = run_kills(
            kills=arguments.kills,
            jack_restarts=arguments.jack_restarts,
            say=lambda text: print(text, file=sys.stderr),
            **common,
        )
        survived = report["sound_back_each_time"] and report["ended_when_asked"]
        return _tell(arguments, report, _kill_lines(report), failed=not survived)
    if arguments.flood:
        from legando.realtime.trials.bench_flood import run_flood

        report = run_flood(messages=arguments.flood, **common)
        return _tell(arguments, report, _flood_lines(report), failed=not report["survived"])
    if arguments.sweeps is not None:
        from legando.realtime.trials.bench_sweep import run_sweeps

        report = run_sweeps(seconds=arguments.sweeps, **common)
        return _tell(arguments, report, _sweep_lines(report), failed=not report["clean"])
    if arguments.rollout is not None:
        from legando.realtime.trials.bench_rollout import run_rollouts

        report = run_rollouts(to=arguments.rollout, times=arguments.times, **common)
        return _tell(arguments, report, _rollout_lines(report), failed=not report["survived"])
    from legando.realtime.trials.bench_live import run_latency

    report = run_latency(seconds=arguments.seconds, lead_ms=arguments.lead, **common)
    return _tell(arguments, report, _latency_lines(report), failed=False)


def _tell(arguments: argparse.Namespace, report: dict[str, Any], lines: list[str], *, failed: bool) -> int:
    if arguments.json not in (None, "-"):
        try:
            Path(arguments.json).write_text(json.dumps(report) + "\n", encoding="utf-8")
        except OSError as error:
            raise LegandoError(f"{arguments.json} cannot be written ({error.strerror}); choose another file") from error
    print(json.dumps(report) if arguments.json == "-" else "\n".join(lines))
    return EXIT_FAILED if failed else EXIT_OK


def _loopback_lines(told: dict[str, Any]) -> list[str]:
    if not told["found"]:
        return [f"none of {told['clicks']} clicks came back; is the cable in, and the input loud enough?"]
    ms = told["ms"]
    return [
        f"out and back: {ms['p50']:.3f} ms at p50, {ms['p99']:.3f} ms at p99 ({told['frames']['p50']:g} frames)",
        f"the driver says {told['driver_ms']:.3f} ms; {told['lost']} of {told['clicks']} clicks lost, "
        f"{told['xruns']} xruns, jitter {told['jitter_frames']:g} frames",
    ]


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
    played, server = report["play"], report["server"]
    late = ", ".join(f"{client} {count}" for client, count in sorted(server["late"].items())) or "nobody"
    return [
        f"{report['minutes']:g} minutes beside {report['hogs']} busy processes: {report['breaks']} breaks in the "
        f"waveform, {report['breaks_of_play']} of them made by play; {played['underruns']} underruns; "
        f"chunks by steps {played['ladder']}",
        f"the sound server: {server['xruns']} xruns, {server['uneven_cycles']} uneven cycles; late: {late}",
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


def _flood_lines(report: dict[str, Any]) -> list[str]:
    stuck = ", ".join(map(str, report["stuck_notes"])) or "none"
    lines = [
        f"{report['messages']} random messages in {report['flood_s']:.1f} s, {report['events_kept']} understood; "
        f"notes stuck after a panic: {stuck}"
    ]
    for kind in ("note", "knob", "immediate"):
        before, after = report["before"][kind], report["after"][kind]
        lines.append(
            f"{kind:<10} p50 / p95 before {before['p50']:.1f} / {before['p95']:.1f} ms, "
            f"from {report['first_hand_after_s']:.1f} s after the flood {after['p50']:.1f} / {after['p95']:.1f} ms"
        )
    if not report["same_processes"]:
        lines.append("a process had to be replaced")
    return lines


def _rollout_lines(report: dict[str, Any]) -> list[str]:
    if report["refused"]:
        return [report["refused"]]
    return [
        f"{report['rolled']} cross-fades: {report['breaks']} breaks in the waveform, "
        f"{report['breaks_of_play']} of them made by play; {report['play']['underruns']} underruns",
        f"level of half a second against the seconds around it: in a fade {_range(report['level_db'])}, "
        f"where nothing fades {_range(report['rest_db'])}",
    ]


def _range(told: list[dict[str, float]]) -> str:
    if not told:
        return "not measured"
    return f"{min(one['least'] for one in told):+.1f} to {max(one['most'] for one in told):+.1f} dB"


def _sweep_lines(report: dict[str, Any]) -> list[str]:
    lines = ["fader        moves   largest step (music's)   flux above 5 kHz (music's)"]
    for name, told in report["faders"].items():
        lines.append(
            f"{name:<11}{told['moves']:7d}   {told['largest_step']:12.4f} ({told['music_step']:.4f})   "
            f"{told['flux']:12.3f} ({told['music_flux']:.3f}){'' if told['clean'] else '   clicks'}"
        )
    return lines
