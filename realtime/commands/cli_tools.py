"""`legando listen`, `keys`, `devices` and `bundle`: small tools beside the instrument. [control]"""

from __future__ import annotations

import argparse
import json
import shutil
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from legando.realtime.arguments import refuse_foreign
from legando.realtime.errors import BundleError, DeviceError
from legando.realtime.exits import EXIT_INTERRUPTED, EXIT_OK, EXIT_USER

LATENT_MS = 20


def listen_command(arguments: argparse.Namespace) -> int:
    """Record a stream from the bridge. [control]"""
    from legando.bridge.keys import client_keys
    from legando.bridge.listen import listen
    from legando.realtime.screen.display import Display
    from legando.realtime.screen.meter import Levels, to_db

    display = Display()

    def on_progress(done_s: float, total_s: float, peak: float) -> None:
        db = (to_db(peak),) * 2
        display.show_render(Levels(peak_db=db, rms_db=db), done_s, total_s)

    report = listen(
        arguments.endpoint,
        arguments.seconds,
        arguments.out,
        on_progress=on_progress,
        stream=arguments.stream,
        keys=client_keys(arguments.keys) if arguments.keys is not None else None,
    )
    display.end()
    if arguments.json:
        print(json.dumps(asdict(report)))
    else:
        display.say(
            f"{report.out}: {report.seconds:.1f} s, {report.gaps or 'no'} gap{'s' * (report.gaps != 1)}; latency "
            f"{report.latency_ms['p50']:.2f} ms, p99 {report.latency_ms['p99']:.2f} ms"
            + (f"; {report.reason}" if report.reason else "")
        )
    if report.reason == "interrupted":
        return EXIT_INTERRUPTED
    return EXIT_OK if report.complete else EXIT_USER


def keys_command(arguments: argparse.Namespace) -> int:
    """Make the keys of a client of the bridge, and the server's where there are none. [control]"""
    from legando.bridge.keys import default_folder, new_keys

    folder = arguments.out if arguments.out is not None else default_folder()
    for path in new_keys(folder, arguments.client):
        print(path)
    print(
        f"write keys = {json.dumps(str(folder))} in [bridge] of the rig; give server.key and "
        f"{arguments.client}.key_secret to whoever shall connect"
    )
    return EXIT_OK


def devices_command(_: argparse.Namespace) -> int:
    """List what there is to play on; a part that is missing is said, not an error. [control]"""
    from legando.realtime.midi.midiinput import input_names, output_names
    from legando.realtime.playing.devices import list_outputs

    def outputs() -> list[str]:
        return [
            f"{device.name}  ({device.host_api}, {device.channels} channels, {device.sample_rate_hz} Hz, "
            f"{device.latency_ms:.1f} ms latency){'  default' if device.is_default else ''}"
            for device in list_outputs()
        ]

    _print_list("sound devices", outputs)
    _print_list("MIDI inputs", lambda: list(input_names()))
    _print_list("MIDI outputs", lambda: list(output_names()), leave_out=", or play a file with --midi")
    return 0


def bundle_command(arguments: argparse.Namespace) -> int:
    """Show a bundle's manifest, or check hashes and the reference output. [control]"""
    refuse_foreign(arguments, f"bundle {arguments.action}", {"json": ("bundle info",)})
    from legando.engines.bundle import Bundle

    bundle = Bundle.load(arguments.folder)  # verifies every hash
    if arguments.action == "info":
        about = {"name": bundle.name, "path": str(bundle.path), "sha256": bundle.hash, **bundle.manifest}
        if arguments.json:
            print(json.dumps(about, indent=2))
            return 0
        try:
            lines = _describe(about)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{bundle.path} is whole, but what its manifest says of it has another form; print it with --json"
            ) from error
        print("\n".join(lines))
        return 0
    from legando.engines.generator import Generator

    generator = Generator(bundle)  # warms up and checks the stored reference
    print(f"{bundle.name}: whole, sha256 {bundle.hash}; reproduces its reference on {generator.engine}")
    return 0


def _describe(about: Mapping[str, Any]) -> list[str]:
    """Return what a player wants to know about a bundle, a line each."""
    megabytes = sum(file["bytes"] for file in about["files"].values()) / 1e6
    lines = [
        ("bundle", f"{about['name']}, {megabytes:.1f} MB in {len(about['files'])} files"),
        ("folder", about["path"]),
        ("sha256", about["sha256"]),
        ("made", f"{about.get('made', 'at an unknown time')}, licence {about.get('licence', 'unknown')}"),
        ("plays", f"chunks of {about['chunk_latents']} x {LATENT_MS} ms in {about['steps']} denoising steps"),
        ("genres", ", ".join(about.get("genres", ()))),
    ]
    for name, run in (about.get("training") or {}).items():
        lines.append(("trained", f"{name}: {run.get('steps', 0)} steps in {run.get('minutes', 0):g} minutes"))
    figures = (about.get("evaluation") or {}).get("figures", ())
    judged = [one for one in figures if one.get("at_most") is not None or one.get("at_least") is not None]
    for figure in judged:
        missed = "" if figure["met"] else "  (target missed)"
        value = "none" if figure["value"] is None else f"{figure['value']:.3g}"
        lines.append(("measured", f"{figure['name']}: {value} {figure['unit']}".rstrip() + missed))
    if more := len(figures) - len(judged):
        lines.append(("measured", f"{more} more figures, without a target: legando bundle info --json"))
    width = max(40, shutil.get_terminal_size((100, 24)).columns)
    return [
        textwrap.fill(f"{name:9} {value}", width, subsequent_indent=" " * 10, break_long_words=False)
        for name, value in lines
    ]


def _print_list(title: str, items: Callable[[], list[str]], *, leave_out: str = "") -> None:
    print(f"{title}:")
    try:
        lines = items() or ["none found"]
    except DeviceError as error:
        lines = [f"none found: {error}".replace(leave_out, "")]
    for line in lines:
        print(f"  {line}")
