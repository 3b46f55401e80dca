"""`legando play` as on stage: an audio server, a MIDI port, a recorder on the output and a subscriber on the bridge."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from legando.bridge.listen import ListenReport, listen
from legando.realtime.host import Host
from legando.realtime.midi.midifile import MidiPiece, read_midi_file
from legando.realtime.midi.midiinput import LiveMessage, MidiInput, input_names
from legando.realtime.playing.devices import quiet_stderr
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import DEFAULT_RIG, Binding, MidiRig, Rig, Scene
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.conftest import JackServer
from tests.realtime.midi_ports import source
from tests.realtime.tone_generator import SPEC
from tests.waiting import until

pytestmark = pytest.mark.live
MAIN = "import sys; from legando.realtime.cli import main; sys.exit(main())"
"""The real thing: the shipped bundle."""
PERFORMANCE = DEFAULT_RIG.with_name("performance.mid")
PORT = "test hands"


@pytest.fixture
def hands(jack_server: JackServer) -> Iterator[Any]:
    """Offer a virtual MIDI output port, as a keyboard would."""
    with source("keyboard", PORT) as out:
        yield out


def play_piece(out: Any, piece: MidiPiece, stop: threading.Event) -> None:
    """Send a piece in real time, again and again, without its tempo events, which no port carries."""
    while not stop.is_set():
        began = time.monotonic()
        for timed in piece.messages:
            if stop.wait(max(0.0, began + timed.frame / 48_000 - time.monotonic())):
                return
            if timed.message[0] != 0xFF and timed.message[:2] != b"\xb0\x07":  # the level stays at 1
                out.send_message(list(timed.message))


def collect(got: list[LiveMessage], midi: MidiInput) -> list[LiveMessage]:
    got.extend(midi.take())
    return got


def test_messages_of_a_named_port_arrive_whole_in_order_and_stamped(jack_server: JackServer, hands: Any) -> None:
    heard_early: list[LiveMessage] = []
    midi = MidiInput(on_message=heard_early.append)
    midi.open(MidiRig(inputs=("test HANDS",), api="jack"))
    try:
        assert len(midi.names) == 1 and PORT in midi.names[0]
        sent = [[0x90, 60, 100], [0xB0, 74, 5], [0xF8], [0xC0, 3], [0xE0, 1, 2], [0x80, 60, 0]]
        for message in sent:
            hands.send_message(message)
            time.sleep(0.01)
        until(lambda: len(heard_early) == len(sent))
        heard = heard_early
    finally:
        midi.close()
    assert [list(live.message) for live in heard] == sent
    stamps = [live.time_ns for live in heard]
    assert stamps == sorted(stamps) and stamps[-1] - stamps[0] > 30_000_000


def test_a_missing_port_is_named_with_those_that_exist(jack_server: JackServer, hands: Any) -> None:
    midi = MidiInput()
    midi.open(MidiRig(inputs=("Keystep",), api="jack"))
    said = list(midi.take_news())
    midi.close()
    assert len(said) == 1 and "no MIDI input 'Keystep' yet" in said[0] and PORT in said[0]


def test_a_virtual_input_can_be_seen_and_played(jack_server: JackServer) -> None:
    import rtmidi

    midi = MidiInput()
    midi.open(MidiRig(virtual_input="stage box", api="jack"))
    with quiet_stderr():
        out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="sequencer")
    try:
        ports = out.get_ports()
        index = next(i for i, name in enumerate(ports) if "stage box" in name)
        out.open_port(index)
        out.send_message([0x90, 61, 77])
        got: list[LiveMessage] = []
        until(lambda: bool(collect(got, midi)))
        assert got[0].message == bytes((0x90, 61, 77))
    finally:
        out.delete()
        midi.close()
    assert not any("stage box" in name for name in input_names("jack"))


def test_a_level_knob_acts_ahead_of_its_chunk(
    jack_server: JackServer, hands: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    rig = Rig(
        midi=MidiRig(inputs=(PORT,), api="jack", bindings=(Binding(control="level", cc=7),)),
        scenes=(Scene(name="a", prompts=(Prompt(text="a"),)),),
    )
    show = Show(rig=rig, bundle=None, piece=None, seconds=4.0)
    host = Host(show, instrument=SPEC, display=Display(quiet=True))
    runner = threading.Thread(target=host.run)
    runner.start()
    until(lambda: host.chunks_made > 8, 20.0)
    delays_ms = []
    for value in (0, 127, 0, 127, 0, 127, 0):
        began = time.perf_counter()
        hands.send_message([0xB0, 7, value])
        until(lambda wanted=value / 127: host.level == wanted)  # type: ignore[misc]
        delays_ms.append((time.perf_counter() - began) * 1000)
        time.sleep(0.2)
        assert host.level == value / 127, "the chunk that follows says the same"
    runner.join(20)
    assert sorted(delays_ms)[3] < 40.0, f"half a chunk at the median: {delays_ms}"


@pytest.mark.timeout(180)
def test_playing_has_no_break_and_the_bridge_carries_the_same_samples(
    jack_server: JackServer, hands: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 14
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    endpoint = f"ipc://{tmp_path}/play.ipc"
    rig = tmp_path / "rig.toml"
    rig.write_text(
        f"""
        [audio]
        device = "system"
        host_api = "JACK Audio Connection Kit"
        block_frames = 256
        [midi]
        inputs = ["{PORT}"]
        api = "jack"
        [[midi.bind]]
        control = "brightness"
        cc = 74
        [bridge]
        publish = "{endpoint}"
        [[scene]]
        name = "one"
        prompts = ["deep house"]
        [[scene]]
        name = "two"
        prompts = ["smoky jazz trio"]
        """
    )
    command = [sys.executable, "-c", MAIN, "play", "--rig", str(rig), "--seconds", str(seconds + 5), "--json"]
    command += ["--journal", str(tmp_path / "take.jsonl"), "--out", str(tmp_path / "host.wav")]
    reports: list[ListenReport] = []
    listener = threading.Thread(
        target=lambda: reports.append(listen(endpoint, seconds + 3, tmp_path / "bridge.wav", timeout_s=60))
    )
    stop = threading.Event()
    player = threading.Thread(target=play_piece, args=(hands, read_midi_file(PERFORMANCE), stop))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            listener.start()
            player.start()
            jack_server.wait_for_sources(60)
            with jack_server.start_recording(tmp_path / "take.wav", seconds) as recorder:
                assert recorder.wait(seconds + 30) == 0
            out, err = process.communicate(timeout=30)
        finally:
            stop.set()
            process.kill()
            player.join()
            listener.join()
    assert process.returncode == 0, err
    figures = json.loads(out)
    assert seconds + 5 <= figures["seconds"] < seconds + 5.2, "it stops at its end"
    assert soundfile.info(tmp_path / "host.wav").frames == (seconds + 5) * 48_000
    assert reports[0].complete and reports[0].gaps == 0 and reports[0].lost_frames == 0

    recorded = jack_server.read_recording(tmp_path / "take.wav")
    sent, _ = soundfile.read(tmp_path / "bridge.wav", dtype="float32")
    same, breaks = compare(recorded, np.round(sent.astype(np.float64) * (1 << 23)).astype(np.int64))
    assert figures["underruns"] <= figures["xruns"], "the end of a show is no underrun"
    faults = figures["underruns"] + figures["xruns"]
    # A virtual machine stalls longer than a period now and then; then the server must have said so.
    assert breaks <= 2 * faults and breaks <= 6, f"{breaks} breaks, {figures}"
    assert same > (seconds - 3) * 48_000

    events = [json.loads(line) for line in (tmp_path / "take.jsonl").read_text().splitlines()[1:]]
    notes = [event for event in events if event.get("midi", "").startswith("90")]
    assert len(notes) > 30, "the port was not heard"
    assert len({event["frame"] % 3840 for event in notes}) > 8, "notes do not keep their place inside the chunk"


def compare(recorded: npt.NDArray[np.int32], sent: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Return how many recorded frames are the sent ones to two steps of 24 bits, and how often the sequence breaks.

    The recording is followed from where it first agrees; after a break it is looked up again.
    """
    window = 2048
    at, shift, breaks, same = 0, None, -1, 0
    while at + window <= len(recorded):
        if shift is None:
            shift = find(recorded[at : at + window, 0], sent[:, 0])
            if shift is None:
                at += window
                continue
            shift -= at
            breaks += 1
        length = min(len(recorded) - at, len(sent) - at - shift)
        if length <= 0:
            break
        wrong = np.flatnonzero(np.any(np.abs(recorded[at : at + length] - sent[at + shift :][:length]) > 2, axis=1))
        good = int(wrong[0]) if len(wrong) else length
        same += good
        at += good + (window if len(wrong) else 0)
        shift = None if len(wrong) else shift
        if not len(wrong):
            break
    return same, max(breaks, 0)


def find(needle: npt.NDArray[np.int32], stream: npt.NDArray[np.int64]) -> int | None:
    """Return where a piece lies in a stream, by least squares over all places; None where nothing fits."""
    if not np.any(needle):
        return None
    size = 1 << (len(stream) + len(needle)).bit_length()
    a, b = stream / (1 << 23), needle / (1 << 23)
    dots = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)[: len(a) - len(b) + 1]
    energy = np.cumsum(np.r_[0.0, a**2])
    power = energy[len(b) :] - energy[: -len(b)]
    place = int(np.argmin(power - 2 * dots))
    return place if np.all(np.abs(stream[place : place + len(needle)] - needle) <= 2) else None
