"""The bench on the real thing: `play` on a server, hands, a recorder; and the twin that says what an event changed."""

import json

import numpy as np
import pytest

from legando.engines.bundle import Bundle
from legando.engines.generator import Generator
from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM, Controls, NoteEvent
from legando.realtime.crossfade import fade_in
from legando.realtime.errors import LegandoError
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Binding, MidiRig, Rig, Scene
from legando.realtime.show import Show
from legando.realtime.trials.onset import first_difference
from legando.realtime.trials.twin import Event, Taken, Twin, restore, save
from tests.realtime.tone_generator import SPEC, make

CHUNK = 3840
STYLE = tuple(1.0 if n == 0 else 0.5 if n >= STYLE_DIM - 4 else 0.0 for n in range(STYLE_DIM))


@pytest.mark.live
def test_latency_is_read_from_the_waveform_and_split(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--seconds", "5", "--json"], instrument=SPEC) == 0, capsys.readouterr().err
    report = json.loads(capsys.readouterr().out)
    for kind in ("note", "knob", "immediate"):
        told = report[kind]
        assert told["count"] >= 2 and told["lost"] <= 1, report
        # A busy machine adds what it likes, but nothing is heard before it is played.
        assert 5.0 < told["p50"] <= told["p95"] <= told["p99"] < 1000.0
        assert sum(told["parts_ms"].values()) == pytest.approx(told["p50"], abs=0.01)
        assert {"wait", "codec", "device"} <= set(told["parts_ms"])
    assert report["immediate"]["p50"] < report["knob"]["p50"] < report["note"]["p50"] + 40.0
    assert {"compute", "margin", "lead"} <= set(report["note"]["parts_ms"])
    assert report["reproduced_s"] > 5.0 and report["play"]["ladder"]


@pytest.mark.live
def test_sound_is_back_after_kills_and_a_new_server(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "live", "--kills", "2", "--jack-restarts", "1", "--json"]
    assert main(command, instrument=SPEC) == 0, capsys.readouterr().err
    report = json.loads(capsys.readouterr().out)
    assert report["sound_back_each_time"] and report["jack"]["count"] == 1
    assert report["engine"]["count"] + report["player"]["count"] == 2
    assert abs(report["growth"]["handles"]) <= 2 and report["growth"]["memory_mb"] < 20.0


@pytest.mark.live
def test_a_soak_beside_a_busy_process_compares_all_that_is_heard(
    bench: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "live", "--soak", "0.1", "--json"], instrument=SPEC) in (0, 1), capsys.readouterr().err
    report = json.loads(capsys.readouterr().out)
    played = report["play"]
    assert report["compared_s"] > 3.0
    # A virtual machine stalls longer than a period now and then; then somebody must have said so.
    server = report["server"]
    said = played["underruns"] + played["xruns"] + server["uneven_cycles"] + server["xruns"]
    assert report["breaks_of_play"] <= report["breaks"] <= 2 * said


@pytest.mark.soak
@pytest.mark.live
@pytest.mark.timeout(3600)
def test_two_hundred_kills_and_fifty_servers(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--kills", "200", "--jack-restarts", "50", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["growth"]["memory_mb"] < 20.0 and abs(report["growth"]["handles"]) <= 4


@pytest.mark.soak
@pytest.mark.live
@pytest.mark.timeout(3600)
def test_half_an_hour_beside_a_hog_has_no_break(bench: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "live", "--soak", "30", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["breaks_of_play"] == 0


def test_the_twin_reproduces_a_take_and_finds_each_effect_at_its_frame() -> None:
    rig = Rig(
        midi=MidiRig(bindings=(Binding(control="brightness", cc=74),)),
        scenes=(Scene(name="a", prompts=(Prompt(text="a"),)),),
    )
    show = Show(rig=rig, bundle=None, piece=None, seconds=None)
    events = (
        Event(frame=5 * CHUNK + 1000, message=bytes((0x90, 84, 100))),
        Event(frame=7 * CHUNK, message=bytes((0xB0, 74, 127))),
        Event(frame=9 * CHUNK + 3839, message=bytes((0x80, 84, 0))),
        Event(frame=12 * CHUNK, message=bytes((0xB0, 74, 127))),  # moves nothing
    )
    taken = Taken(seed=3, events=events)
    performance, generator = show.performance(make(None)), make(None).generator(seed=3, chunk_latents=None, steps=None)
    for event in events:
        performance.feed(event.frame, event.message)
    stream = np.concatenate(
        [generator.step(performance.controls_for_chunk(n * CHUNK, CHUNK)).frames for n in range(20)]
    )
    stream = fade_in(stream, 0)
    twin = Twin(make(None), show, taken)
    effects = list(twin.effects(stream, events))
    assert twin.same_frames == len(stream)
    assert [effect.event for effect in effects] == list(events)
    first = [first_difference(effect.made, effect.without) for effect in effects]
    assert first[0] is not None and 1000 <= first[0] < 1010
    assert first[1] is not None and first[1] < 10
    assert first[2] is not None and first[2] >= CHUNK - 1
    assert first[3] is None
    changed = stream.copy()
    changed[8 * CHUNK + 5] += 0.001
    twin = Twin(make(None), show, taken)
    assert len(list(twin.effects(changed, events))) == 1 and twin.same_frames == 8 * CHUNK


def test_the_real_generator_goes_back_to_where_it_was_saved() -> None:
    try:
        bundle = Bundle.load(None)
    except LegandoError as error:  # a checkout between two bundles
        pytest.skip(str(error))
    generator = Generator(bundle, seed=5)
    calm = Controls(style=STYLE)
    for _ in range(3):
        generator.step(calm)
    saved = save(generator)
    straight = [generator.step(calm).frames.copy() for _ in range(4)]
    restore(generator, saved)
    played = Controls(style=STYLE, brightness=1.0, notes=(NoteEvent(offset_frames=9, pitch=84, velocity=1.0),))
    assert not np.array_equal(generator.step(played).frames, straight[0])
    generator.step(played)
    restore(generator, saved)
    again = [generator.step(calm).frames.copy() for _ in range(4)]
    assert all(np.array_equal(a, b) for a, b in zip(straight, again, strict=True))
