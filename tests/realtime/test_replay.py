"""A take is recorded, survives its maker, and is made again bit for bit, engines that were replaced included."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from legando.bridge.control import ControlServer
from legando.realtime.cli import main
from legando.realtime.controls import STYLE_DIM, Controls, NoteEvent, Turn
from legando.realtime.crossfade import FADE_IN_FRAMES
from legando.realtime.errors import LegandoError
from legando.realtime.processes import child_pid
from legando.realtime.recording.journal import Journal, read_take, seal
from legando.realtime.recording.takefile import open_take
from legando.realtime.recording.verify import verify
from legando.realtime.snapshot import controls_from_plain, controls_to_plain
from tests.realtime.test_note_file import read as read_notes
from tests.realtime.tone_generator import SPEC

MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"
STYLE = (0.25,) * STYLE_DIM


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def serve(folder: Path, *words: str) -> subprocess.Popen[str]:
    (folder / "rig.toml").write_text(
        f"""
        [bridge]
        publish = "ipc://{folder}/live.ipc"
        [[scene]]
        name = "one"
        prompts = ["deep house"]
        """
    )
    command = [sys.executable, "-c", MAIN, "serve", "--rig", str(folder / "rig.toml"), *words]
    return subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_chunks(journal: Path, count: int) -> None:
    until = time.monotonic() + 30
    while not journal.exists() or journal.read_bytes().count(b'"chunk":') < count:
        assert time.monotonic() < until
        time.sleep(0.02)


def replayed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, object]]:
    status = main(["replay", "--json", *words], instrument=SPEC)
    return status, json.loads(capsys.readouterr().out)


def test_a_take_with_a_killed_engine_is_made_again_bit_for_bit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take, journal = tmp_path / "take.wav", tmp_path / "take.jsonl"
    run = serve(tmp_path, "--seconds", "5", "--record", str(take))
    wait_for_chunks(journal, 15)
    engine = child_pid(run.pid, "legando.realtime.engine")
    assert engine is not None
    os.kill(engine, signal.SIGKILL)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    record = read_take(journal)
    assert sum(chunk.past is not None for chunk in record.chunks) == 1 and record.end is not None
    notes = tmp_path / "again.mid"
    status, account = replayed(capsys, str(journal), "--out", str(tmp_path / "again.wav"), "--notes", str(notes))
    assert status == 0 and account["same"] and account["gaps"] == 0 and account["whole"]
    assert account["pcm_sha256"] == record.end["pcm_sha256"] and account["chunks"] == record.end["chunks"]
    sound, rate = soundfile.read(take, dtype="float32")
    again, _ = soundfile.read(tmp_path / "again.wav", dtype="float32")
    assert rate == 48_000 and len(sound) >= 5 * 48_000
    np.testing.assert_array_equal(sound, again)
    file, begun, _ = read_notes(notes)
    clicks_s = np.flatnonzero(np.diff(again[:, 0], prepend=0.0) > 0.1) / rate
    kicks_s = [at for at, channel, _, _ in begun if channel == 9]
    markers = [message.text for message in file.tracks[0] if message.type == "marker"]
    assert len(kicks_s) >= 8 and markers == ["one: deep house", "full"]
    faded_s = FADE_IN_FRAMES / rate  # the first click is in the fade
    np.testing.assert_allclose([at for at in kicks_s if at > faded_s], clicks_s[clicks_s > faded_s], atol=0.0006)
    found = verify(take)
    assert (found.samples, found.journal, found.same_sound, found.marked) == ("as written", "whole", True, True)
    assert found.origin["bundle_sha256"] == "0" * 64 and found.origin["bundle_licence"] == "CC0-1.0"


@pytest.mark.parametrize("name", ["take.wav", "take.flac"])
def test_a_killed_host_leaves_a_file_that_plays_and_a_journal_that_replays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    take, journal = tmp_path / name, tmp_path / "take.jsonl"
    run = serve(tmp_path, "--record", str(take))
    wait_for_chunks(journal, 40)  # 3.2 s
    made = journal.read_bytes().count(b'"chunk":')
    run.kill()
    run.communicate(timeout=30)
    sound, _ = soundfile.read(take, dtype="float32")
    assert len(sound) >= (made - 20) * 3840, f"{len(sound) / 48_000:.2f} s of {made * 0.08:.2f} s"
    found = verify(take)
    assert (found.samples, found.journal) == ("as written", "cut off"), "the digest is that of what is there"
    record = read_take(journal)
    assert len(record.chunks) >= made and record.end is None
    status, account = replayed(capsys, str(journal))
    assert status == 0 and account["same"] and not account["whole"]


@pytest.mark.parametrize(("lost", "stop"), [("both", False), ("record", True)])
def test_a_disk_that_is_full_stops_no_music_and_is_told_by_the_status(tmp_path: Path, lost: str, stop: bool) -> None:
    take, journal = tmp_path / "take.wav", tmp_path / "take.jsonl"
    run = serve(tmp_path, *(() if stop else ("--seconds", "4")), "--record", str(take), "--json")
    wait_for_chunks(journal, 20)
    room = journal.stat().st_size + 300 if lost == "both" else 700_000
    resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (room, room))
    if stop:
        wait_for_chunks(journal, 35)
        run.send_signal(signal.SIGINT)
    out, errors = run.communicate(timeout=60)
    assert run.returncode == 3, errors
    told = json.loads(out)
    record, kept = told["kept"]["record"], told["kept"]["journal"]
    assert not record["whole"] and "File too large" in record["why"] and f"{take} cannot be written" in errors
    assert 0.5 < record["seconds"] == soundfile.info(take).duration < told["seconds"]
    assert kept["whole"] is (lost == "record") and kept["seconds"] == pytest.approx(
        len(read_take(journal).chunks) * 0.08
    )
    assert ("the journal" in errors) is (lost == "both") and errors.splitlines()[-1].endswith("are kept")


def written(folder: Path, chunks: Sequence[Controls]) -> Path:
    path = folder / "a.jsonl"
    journal = Journal(path, {"seed": 3})
    journal.about({"bundle": ""})
    for number, controls in enumerate(chunks):
        journal.made(number * 3840, controls_to_plain(controls), f"{number:064x}")
    journal.event(7, b"\x90\x40\x40")
    journal.end(len(chunks), "ab")
    journal.close()
    return path


@given(
    tempos=st.lists(st.floats(40, 240), min_size=1, max_size=8),
    notes=st.lists(st.tuples(st.integers(0, 3839), st.integers(0, 127), st.floats(0, 1)), max_size=4),
)
def test_controls_come_out_of_a_journal_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory,
    tempos: list[float],
    notes: list[tuple[int, int, float]],
) -> None:
    events = tuple(NoteEvent(offset_frames=o, pitch=p, velocity=v) for o, p, v in notes)
    later = Controls(style=STYLE, key="C minor", click=True)
    made = [
        Controls(
            style=STYLE,
            tempo_bpm=tempo,
            steps=4,
            notes=events if number % 2 else (),
            turn=Turn(tick=16, controls=later) if number % 3 == 1 else None,
        )
        for number, tempo in enumerate(tempos)
    ]
    record = read_take(written(tmp_path_factory.mktemp("journal"), made))
    assert [controls_from_plain(chunk.controls) for chunk in record.chunks] == made
    assert record.events == ((7, b"\x90\x40\x40"),) and not record.cut


def test_a_cut_last_line_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, [Controls(style=STYLE, tempo_bpm=100.0 + n) for n in range(5)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    record = read_take(path)
    assert record.cut and record.end is None and len(record.chunks) == 5
    lines = whole.split(b"\n")
    lines[3] = lines[3].replace(b"101.0", b"102.0")
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(LegandoError, match=r"line 4 .* is damaged"):
        read_take(path)
    path.write_bytes(b"")
    with pytest.raises(LegandoError, match="no journal"):
        read_take(path)


def test_a_replay_that_differs_says_from_where_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal = tmp_path / "take.jsonl"
    run = serve(tmp_path, "--seconds", "1", "--journal", str(journal))
    run.communicate(timeout=60)
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        line.pop("crc")
        if "about" in line:
            line["about"] |= {"legando": "0.0.1", "seed": line["about"]["seed"] + 1}
    journal.write_bytes(b"".join(seal(line) for line in lines))
    assert main(["replay", str(journal)], instrument=SPEC) == 2
    said = capsys.readouterr().err
    assert "from 0.00 s on the sound differs" in said and "the version was 0.0.1, this is" in said


def test_a_wav_take_passes_four_gigabytes_as_rf64(tmp_path: Path) -> None:
    take = open_take(tmp_path / "a.wav", sample_rate_hz=48_000, channels=2, about={"seed": 1})
    frames = np.linspace(-1, 1, 512, dtype=np.float32).reshape(256, 2)
    take.write(frames)
    take.close()
    assert soundfile.info(tmp_path / "a.wav").format == "WAV"
    header = tmp_path / "a.wav"
    take = open_take(tmp_path / "b.wav", sample_rate_hz=48_000, channels=2, about={"seed": 1})
    take._bytes = 5 << 30  # type: ignore[union-attr]
    big = take._header()  # type: ignore[union-attr]
    take.close()
    assert len(big) == header.stat().st_size - frames.nbytes and big[:4] == b"RF64"
    with (tmp_path / "c.wav").open("wb") as file:  # a sparse file: five gigabytes of nothing
        file.write(big)
        file.truncate(len(big) + (5 << 30))
    info = soundfile.info(tmp_path / "c.wav")
    assert info.format == "RF64" and info.frames == (5 << 30) // 8
    (tmp_path / "c.wav").unlink()


@pytest.mark.parametrize("name", ["take.mp3", "there.wav", "nowhere/take.wav"])
def test_a_name_that_cannot_be_recorded_is_refused_before_the_show(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "there.wav").touch()
    began = time.monotonic()
    run = serve(tmp_path, "--seconds", "1", "--record", str(tmp_path / name))
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 2 and errors.startswith("legando: ") and len(errors.splitlines()) == 1
    assert time.monotonic() - began < 30


def test_a_second_server_on_the_same_endpoints_leaves_nothing_and_goes_unnoticed(tmp_path: Path) -> None:
    rig = tmp_path / "rig.toml"
    with ControlServer(f"ipc://{tmp_path}/control") as first:
        bridge = f'[bridge]\npublish = "ipc://{tmp_path}/audio"\ncontrol = "{first.endpoint}"\n'
        rig.write_text(bridge + '[[scene]]\nname = "one"\nprompts = ["deep house"]\n')
        command = [sys.executable, "-c", MAIN, "serve", "--rig", str(rig), "--record", str(tmp_path / "take.wav")]
        shown = subprocess.run(command, capture_output=True, text=True)
        assert shown.returncode == 2 and shown.stderr.count("\n") == 1 and "is in use" in shown.stderr
        assert not first.refusals.total
    assert [path.name for path in tmp_path.iterdir()] == ["rig.toml"]
