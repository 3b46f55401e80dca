"""`legando render`: a piece to a WAV file, with figures. [control]"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from legando.realtime.controls import Controls
from legando.realtime.crossfade import fade_in
from legando.realtime.instrument import Chunk, Instrument, load_instrument
from legando.realtime.midi.midifile import read_midi_file
from legando.realtime.midi.notefile import check_note_file
from legando.realtime.midi.notesheet import NoteSheet, scene_text
from legando.realtime.prompting import genre_shares
from legando.realtime.recording.journal import Journal
from legando.realtime.recording.take import Take
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.render import Frames, RenderFigures, render
from legando.realtime.report import made_in
from legando.realtime.rigs.prompts import parse_prompts, weighted
from legando.realtime.rigs.rig import EngineRig, Rig, Scene, read_rig
from legando.realtime.screen.display import Display
from legando.realtime.screen.meter import measure
from legando.realtime.show import SAMPLE_RATE_HZ, Show
from legando.realtime.version import version

DEFAULT_SECONDS = 30.0


def render_command(arguments: argparse.Namespace, instrument: str) -> int:
    """Render to `--out`, and what was played to `--notes`; Ctrl-C leaves nothing behind. [control]"""
    show = _show(arguments)
    display = Display()
    notes: Path | None = arguments.notes
    sheet = None
    if notes is not None:
        check_note_file(notes)
        sheet = NoteSheet(SAMPLE_RATE_HZ)
    with WavWriter(arguments.out, SAMPLE_RATE_HZ) as writer:
        loaded = load_instrument(instrument, show.bundle)
        figures, engine = render_show(show, loaded, writer, display, sheet)
        writer.about = about_render(show, loaded, engine)
        if sheet is not None and notes is not None:
            sheet.write(notes, frames=writer.frames, about=writer.about)
    tell_render(figures, loaded, engine, show, writer, display if not arguments.json else None, notes)
    return 0


def tell_render(
    figures: RenderFigures,
    instrument: Instrument,
    engine: str,
    show: Show,
    writer: WavWriter,
    display: Display | None,
    notes: Path | None = None,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Say in a line what a render came to, or print it and `more` as JSON where there is no display. [control]"""
    genres = read_as(show, instrument)
    if display is not None:
        took_s = sum(figures.costs_ns) / 1e9
        display.say(
            f"{writer.path}: {figures.seconds:.1f} s made in {took_s:.1f} s, rtf {figures.rtf:.2f}; {made_in(figures)}"
            + (f"; read as {', '.join(f'{name} {share:g}' for name, share in genres.items())}" if genres else "")
            + (f"; its notes: {notes}" if notes is not None else "")
        )
        return
    summary = {
        "seconds": figures.seconds,
        "sample_rate_hz": figures.sample_rate_hz,
        "chunk_ms": figures.chunk_ms,
        "chunks": len(figures.costs_ns),
        "compute_ms": figures.compute_ms(),
        "rtf": round(figures.rtf, 4),
        "bundle": instrument.name,
        "bundle_sha256": instrument.hash,
        "engine": engine,
        "seed": show.rig.engine.seed,
        "read_as": genres,
        "pcm_sha256": writer.pcm_sha256,
        "out": str(writer.path),
    } | ({"notes": str(notes)} if notes is not None else {})
    print(json.dumps(summary | dict(more or {})))


def read_as(show: Show, instrument: Instrument) -> dict[str, float]:
    """Return the genres that the prompts of a show's only scene were read as, the largest share first. [control]

    Words that the model knows nothing of are read as a little of everything. Nothing is returned for several scenes.
    """
    if len(show.rig.scenes) != 1:
        return {}
    prompts = show.rig.scenes[0].prompts
    return genre_shares(instrument.encode([(prompt.text, prompt.weight) for prompt in prompts if prompt.weight]))


def about_render(show: Show, instrument: Instrument, engine: str) -> dict[str, Any]:
    """Return what a rendering was made of, for the file. [control]"""
    rig, scenes = show.rig.engine, show.rig.scenes
    return {
        "bundle": str(show.bundle or ""),
        "bundle_name": instrument.name,
        "bundle_sha256": instrument.hash,
        "bundle_licence": instrument.licence,
        "engine": engine,
        "legando": version(),
        "seed": rig.seed,
        "chunk_latents": rig.chunk_latents,
        "steps": rig.steps,
        "eco": rig.eco,
        "scenes": [weighted(scene.prompts) for scene in scenes],
    }


def render_show(
    show: Show,
    instrument: Instrument,
    writer: WavWriter,
    display: Display,
    sheet: NoteSheet | None = None,
    *,
    journal: Journal | None = None,
    name: str = "",
) -> tuple[RenderFigures, str]:
    """Render a whole show into a writer, its notes into a sheet; return the figures and the engine's name. [control]

    The `journal` is told of each chunk, so that the take can be made again by the instrument of this `name`.
    """
    rig = show.rig.engine
    assert show.frames is not None, "a render has an end"
    display.wait_for("reading the model")
    try:
        performance = show.performance(instrument)
        generator = instrument.generator(seed=rig.seed, chunk_latents=rig.chunk_latents, steps=rig.steps, eco=rig.eco)

        def on_chunk(block: Frames, done_s: float) -> None:
            display.show_render(measure(block), done_s, show.seconds or 0.0)

        scene = -1
        if sheet is not None:
            sheet.cut_front(generator.latency_frames)

        take = Take(journal, None, steps=generator.default_steps)
        if journal is not None:
            about = about_render(show, instrument, generator.engine)
            lasts = {"instrument": name, "chunk_frames": generator.chunk_frames, "journal": journal.path.name}
            journal.about(about | lasts)

        def on_notes(chunk: Chunk, controls: Controls) -> None:
            nonlocal scene
            if performance.scene_index != scene:
                scene, now = performance.scene_index, performance.scene
                prompts = weighted(now.prompts)
                if sheet is not None:
                    sheet.mark(scene_text(now.name, prompts))
                if journal is not None:
                    journal.scene(chunk.position_frames, scene + 1, now.name, prompts)
            if sheet is not None:
                sheet.chunk(chunk, generator.chunk_frames, controls, generator.section)
            if journal is not None:
                take.rendered(chunk.position_frames, controls, fade_in(chunk.frames, chunk.position_frames))

        wanted = on_notes if sheet is not None or journal is not None else None
        try:
            return render(generator, performance, show.frames, writer.write, on_chunk, wanted), generator.engine
        finally:
            take.end()
    finally:
        display.end()


def _show(arguments: argparse.Namespace) -> Show:
    """Read what is to be rendered; every mistake in it is found here, before anything is made."""
    prompts = parse_prompts(arguments.prompt or ())
    piece = read_midi_file(arguments.midi, SAMPLE_RATE_HZ) if arguments.midi is not None else None
    rig = Rig(
        binds=tuple(binding for binding in read_rig().bindings if "." not in binding.control),
        engine=EngineRig(seed=arguments.seed, steps=arguments.steps, chunk_latents=arguments.chunk, eco=arguments.eco),
        scenes=(Scene(name="prompt", prompts=prompts),),
    )
    seconds = arguments.seconds
    if seconds is None:
        seconds = max(1.0, piece.frames / SAMPLE_RATE_HZ) if piece is not None else DEFAULT_SECONDS
    return Show(rig=rig, bundle=arguments.bundle, piece=piece, seconds=seconds, tempo_bpm=arguments.tempo)
