"""`legando play` and `legando serve`: the live run. [control]"""

from __future__ import annotations

import argparse
import contextlib
import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from legando.bridge.endpoint import parse_endpoint
from legando.realtime.commands.cli_render import DEFAULT_SECONDS, about_render, render_show, tell_render
from legando.realtime.errors import DeviceError, LegandoError, RigError
from legando.realtime.exits import EXIT_LOST, EXIT_OK, exit_of
from legando.realtime.host import Host
from legando.realtime.instrument import load_instrument
from legando.realtime.midi.midifile import read_midi_file
from legando.realtime.playing.devices import find_output, has_output
from legando.realtime.prompting import read_line
from legando.realtime.recording.journal import Journal
from legando.realtime.recording.kept import Kept, kept_journal, plain_kept
from legando.realtime.recording.takefile import check_take_name
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.rigs.controlnames import COUNTED_MAX
from legando.realtime.rigs.prompts import weighted
from legando.realtime.rigs.rig import AudioRig, PerformanceRig, read_rig
from legando.realtime.screen.display import Display
from legando.realtime.screen.terminal import why_no_screen
from legando.realtime.show import SAMPLE_RATE_HZ, Show

FALLBACK_OUT = Path("take.wav")
OWN_AUDIO, OWN_CONTROL = "ipc://audio", "ipc://control"
"""Where `serve` publishes and is steered when nobody says where: the plug-in looks there first."""


def play_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Play to the sound device; where there is none at all, render the same piece to a file. [control]"""
    show = _show(arguments)
    audio = show.rig.audio
    display = Display()
    if audio.device or audio.host_api:
        _must_exist(audio)
    else:
        there, reason = has_output()
        if not there and arguments.record is not None:
            display.say(f"{reason}; recording without it, in real time")
            return _live(arguments, show, instrument, _display(arguments, tui=True), sound=False)
        if not there:
            return _render_instead(arguments, show, instrument, display, reason)
    return _live(arguments, show, instrument, _display(arguments, tui=True), sound=True)


def _display(arguments: argparse.Namespace, *, tui: bool) -> Display:
    """Return the screen or the plain line; `tui` says which, where the command line does not. [control]

    Raises LegandoError when a screen is asked for and cannot be shown.
    """
    if arguments.plain or not (tui or arguments.tui) or (arguments.json and not arguments.tui):
        return Display()
    reason = why_no_screen()
    if reason is None:
        from legando.realtime.screen.screenlink import Screen

        return Screen()
    if arguments.tui:
        raise LegandoError(reason)
    return Display()


def _must_exist(audio: AudioRig) -> None:
    """Raise DeviceError, naming the device that the rig asks for, when it is not there."""
    try:
        find_output(audio.device or None, audio.host_api or None)
    except DeviceError as error:
        wanted = audio.device or audio.host_api
        raise DeviceError(str(error) if wanted in str(error) else f"sound device {wanted!r}: {error}") from error


def serve_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Play to the bridge alone, paced by the clock. [control]"""
    show = _show(arguments)
    bridge = show.rig.bridge
    if arguments.publish is not None:
        bridge = replace(bridge, publish=arguments.publish)
    if not bridge.publish:
        bridge = replace(bridge, publish=OWN_AUDIO, control=bridge.control or OWN_CONTROL)
    parse_endpoint(bridge.publish, bind=True, encrypted=bool(bridge.keys))
    show = replace(show, rig=replace(show.rig, bridge=bridge))
    return _live(arguments, show, instrument, _display(arguments, tui=False), sound=False)


def _show(arguments: argparse.Namespace) -> Show:
    """Read the rig and what the command line says instead."""
    rig = read_rig(arguments.rig)
    first = 0
    if arguments.prompt is not None:
        first = len(rig.scenes)
        if first >= COUNTED_MAX:
            raise RigError(f"{first} scenes leave no room for a prompt; take one out of the rig")
        rig = replace(rig, scenes=(*rig.scenes, read_line("; ".join(arguments.prompt))))
    if arguments.live or first:
        rig = replace(rig, performance=PerformanceRig())
    if arguments.seed is not None:
        rig = replace(rig, engine=replace(rig.engine, seed=arguments.seed))
    if arguments.link:
        rig = replace(rig, clock=replace(rig.clock, link=True))
    if arguments.no_spares:
        rig = replace(rig, live=replace(rig.live, spares=False))
    if arguments.eco:
        rig = replace(rig, engine=replace(rig.engine, eco=True))
    port: str | None = getattr(arguments, "midi_out", None)
    if port is not None:
        rig = replace(rig, midi=replace(rig.midi, out=replace(rig.midi.out, port=port)))
    if arguments.metrics is not None:
        rig = replace(rig, monitor=replace(rig.monitor, address=arguments.metrics))
    midi: Path | None = arguments.midi or rig.path(rig.performance.midi_file)
    piece = read_midi_file(midi, SAMPLE_RATE_HZ) if midi is not None else None
    seconds: float | None = arguments.seconds
    if seconds is None and arguments.midi is not None and piece is not None:
        seconds = max(1.0, piece.frames / SAMPLE_RATE_HZ)
    elif seconds is None:
        seconds = rig.performance.seconds
    bundle = arguments.bundle or rig.path(rig.engine.bundle)
    return Show(rig=rig, bundle=bundle, piece=piece, seconds=seconds, first=first)


def _live(arguments: argparse.Namespace, show: Show, instrument: str, display: Display, *, sound: bool) -> int:
    with ExitStack() as stack:
        out: Path | None = getattr(arguments, "out", None)
        writer = stack.enter_context(WavWriter(out, SAMPLE_RATE_HZ, subtype="FLOAT")) if out is not None else None
        record: Path | None = arguments.record
        if record is not None:
            check_take_name(record)
        path = arguments.journal or (record.with_suffix(".jsonl") if record is not None else None)
        journal = _open_journal(stack, path, show)
        if record is not None and journal is not None:
            stack.callback(_discard_if_empty, record, journal)
        host = Host(
            show,
            instrument=instrument,
            display=display,
            sound=sound,
            recorder=writer,
            journal=journal,
            record=record,
        )
        report = host.run()
        if writer is not None:
            writer.about = host.about
            with contextlib.suppress(LegandoError):  # `writer.failure` has it; the figures are told all the same
                writer.commit()
    kept = host.kept
    if journal is not None:
        kept.append(kept_journal(journal))
    if writer is not None:
        kept.append(Kept(what="out", path=writer.path, seconds=writer.seconds, why=writer.failure))
    if arguments.json:
        print(json.dumps(report.plain() | _saved(writer) | plain_kept(kept)))
    else:
        saved = _saved(writer)
        display.say(report.sentence() + (f"; saved to {saved['out']}" if saved else ""))
    return _lost(kept, display) or report.stopped


def _discard_if_empty(record: Path, journal: Journal) -> None:
    """Remove the recording of a show that could not start: it would be in the way of the next try."""
    if not journal.chunks:
        record.unlink(missing_ok=True)


def _lost(kept: list[Kept], display: Display) -> int:
    """Say what is not whole, and return the exit status that says so too; 0 when all of it is."""
    lost = [one for one in kept if one.why is not None]
    for one in lost:
        display.say(one.sentence())
    return EXIT_LOST if lost else EXIT_OK


def _saved(writer: WavWriter | None) -> dict[str, str]:
    if writer is None or (writer.failure is not None and not writer.frames):
        return {}
    return {"out": str(writer.path), "pcm_sha256": writer.pcm_sha256}


def _render_instead(arguments: argparse.Namespace, show: Show, instrument: str, display: Display, reason: str) -> int:
    """Write the piece to a file; after Ctrl-C, or where the disk is full, it holds what was made so far."""
    out: Path = arguments.out or FALLBACK_OUT
    show = replace(show, seconds=show.seconds or DEFAULT_SECONDS)
    with ExitStack() as stack:
        writer = stack.enter_context(WavWriter(out, SAMPLE_RATE_HZ))
        journal = _open_journal(stack, arguments.journal, show)
        asked = {"MIDI out": show.rig.midi.out.port, "Link": show.rig.clock.link}
        without = " and ".join(name for name, wanted in asked.items() if wanted)
        display.say(
            f"{reason}; writing the same {show.seconds:g} s to {out} instead" + (f", without {without}" * bool(without))
        )
        loaded = load_instrument(instrument, show.bundle)
        writer.about = about_render(show, loaded, "")
        try:
            figures, engine = render_show(show, loaded, writer, display, journal=journal, name=instrument)
            writer.about = about_render(show, loaded, engine)
        except (KeyboardInterrupt, LegandoError) as stop:
            stopped = exit_of(stop) if isinstance(stop, KeyboardInterrupt) else EXIT_LOST
            if not writer.frames or (stopped == EXIT_LOST and writer.failure is None):
                raise
            writer.commit()
            if writer.failure is None:
                display.say(f"stopped; {out} holds the first {writer.seconds:.1f} s")
            kept = _close(journal, writer)
            if arguments.json:
                told = {"seconds": writer.seconds, "interrupted": stopped != EXIT_LOST, **_saved(writer)}
                print(json.dumps(told | plain_kept(kept)))
            return _lost(kept, display) or stopped
        writer.commit()
    kept = _close(journal, writer)
    tell_render(figures, loaded, engine, show, writer, display if not arguments.json else None, more=plain_kept(kept))
    return _lost(kept, display)


def _close(journal: Journal | None, writer: WavWriter) -> list[Kept]:
    """Return what is on the disk of a show that was written instead of played."""
    out = Kept(what="out", path=writer.path, seconds=writer.seconds, why=writer.failure)
    if journal is None:
        return [out]
    journal.finish()
    return [kept_journal(journal), out]


def _open_journal(stack: ExitStack, path: Path | None, show: Show) -> Journal | None:
    if path is None:
        return None
    engine = show.rig.engine
    header = {
        "seed": engine.seed,
        "chunk_latents": engine.chunk_latents,
        "scenes": [weighted(scene.prompts) for scene in show.rig.scenes],
    }
    journal = Journal(path, header)
    stack.callback(journal.discard_if_empty)  # a show that cannot start leaves nothing in the way of the next try
    stack.callback(journal.finish)
    for timed in show.piece.messages if show.piece is not None else ():
        journal.event(timed.frame, timed.message)
    return journal
