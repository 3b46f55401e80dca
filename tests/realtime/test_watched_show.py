"""A real show that is watched, marked and recorded while a thousand connections hang: nothing of that is heard."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from prometheus_client.parser import text_string_to_metric_families

from legando.bridge.listen import ListenReport, listen
from legando.realtime.cli import main
from legando.realtime.osc.oscwire import build_osc
from legando.realtime.recording.journal import read_take
from tests.realtime.tone_generator import SPEC

MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"
CHUNK = 3840
SECONDS = 4.0
HANGING = 1000

Page = dict[str, dict[tuple[str, ...], float]]


@dataclass
class Watched:
    """What came of the show. Samples of the last page are by name and label values."""

    folder: Path
    page: Page
    report: dict[str, Any]
    heard: list[ListenReport]
    said: str

    @property
    def take(self) -> Path:
        return self.folder / "take.wav"

    @property
    def journal(self) -> Path:
        return self.folder / "take.jsonl"


def page_of(url: str) -> Page:
    page: Page = {}
    with urllib.request.urlopen(url, timeout=10) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                page.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return page


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        yield play(tmp_path_factory.mktemp("show"))


def play(folder: Path) -> Watched:
    """Play for four seconds: listened to, scraped, liked once by OSC, with a thousand connections that ask nothing."""
    osc_port, endpoint = free_port(), f"ipc://{folder}/sound"
    (folder / "rig.toml").write_text(
        f'[bridge]\npublish = "{endpoint}"\n[monitor]\naddress = "127.0.0.1:0"\n'
        f'[osc]\nlisten = "127.0.0.1:{osc_port}"\n'
        '[[scene]]\nname = "one"\nprompts = ["deep house"]\n'
    )
    words = ["serve", "--live", "--rig", str(folder / "rig.toml"), "--json", "--seconds", str(SECONDS)]
    words += ["--record", str(folder / "take.wav")]
    heard: list[ListenReport] = []
    ear = threading.Thread(target=lambda: heard.append(listen(endpoint, 3.3, folder / "heard.wav", timeout_s=20)))
    said = folder / "said"
    with said.open("w") as errors, ExitStack() as stack:
        process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words], stdout=subprocess.PIPE, stderr=errors, text=True
        )
        stack.callback(process.kill)
        ear.start()
        until = time.monotonic() + 30
        while (found := re.search(r"metrics at (http://127.0.0.1:(\d+)/metrics)", said.read_text())) is None:
            assert time.monotonic() < until and process.poll() is None, said.read_text()
            time.sleep(0.05)
        for _ in range(HANGING):
            one = stack.enter_context(closing(socket.socket()))
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", int(found[2])))
        page = page_of(found[1])
        liked = False
        while page.get("legando_made_seconds_total", {}).get((), 0.0) < 2.6:
            assert time.monotonic() < until
            time.sleep(0.2)
            page = page_of(found[1])
            if not liked and page["legando_made_seconds_total"][()] > 0.0:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hand:
                    hand.sendto(build_osc("/legando/like", ()), ("127.0.0.1", osc_port))
                liked = True
        out, _ = process.communicate(timeout=60)
        ear.join(20)
    return Watched(folder, page, json.loads(out), heard, said.read_text())


def test_the_page_tells_the_truth(show: Watched) -> None:
    page = show.page
    made_s = page["legando_made_seconds_total"][()]
    assert 2.6 <= made_s <= SECONDS + 0.5
    assert page["legando_chunk_compute_seconds_count"][()] == pytest.approx(made_s / 0.08, abs=2)
    assert page["legando_chunk_compute_seconds_bucket"][("+Inf",)] == page["legando_chunk_compute_seconds_count"][()]
    assert page["legando_bridge_clients"][("audio",)] == 1 and page["legando_engine_ready"][()] == 1
    assert page["legando_sound_rms_ratio"][()] > 0.01 and page["legando_host_age_seconds"][()] < 3.0
    assert {("host",), ("engine",), ("monitor",)} <= set(page["legando_process_resident_memory_bytes"])
    ((bundle, sha256, engine, _),) = page["legando_build_info"]
    assert (bundle, sha256, engine) == ("tone", "0" * 64, "sines")
    latency = page["legando_latency_seconds"]
    assert latency[("chunk",)] == pytest.approx(0.08) and latency[("codec",)] == 0.0
    assert page["legando_messages_total"][("osc",)] == 1 and page["legando_marks_total"][("like",)] == 1
    assert page["legando_estimated_energy_joules_total"][()] > 0


def test_who_hangs_on_is_let_go_and_nothing_is_heard_of_it(show: Watched) -> None:
    outcomes = show.page["legando_monitor_requests_total"]
    assert outcomes[("pushed_out",)] >= 0.9 * HANGING and outcomes[("too_slow",)] > 0
    assert show.report["underruns"] == 0 and show.report["engine_restarts"] == 0
    assert show.report["seconds"] == SECONDS
    assert show.heard and show.heard[0].complete and show.heard[0].gaps == 0


def test_a_mark_is_kept_where_it_was_heard_and_the_take_is_the_same(
    show: Watched, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "liked: 0:0" in show.said
    record = read_take(show.journal)
    (mark,), (scene,) = record.marks, record.scenes
    assert mark["kind"] == "like" and 0 < mark["mark"] < 45 * CHUNK
    assert scene["name"] == "one" and scene["prompts"] == [["deep house", 1.0]]
    assert main(["replay", str(show.journal), "--json"], instrument=SPEC) == 0
    assert json.loads(capsys.readouterr().out)["same"], "bit for bit, whatever was thought of it"
    assert main(["info", str(show.take), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["journal"], found["same_sound"], found["marked"]) == ("whole", True, True)


def test_the_liked_moment_is_cut_out_of_the_take_or_made_again(
    show: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def clip_in(name: str, journal: Path) -> Path:
        assert main(["feedback", str(journal), "--json", "--clips", str(tmp_path / name)], instrument=SPEC) == 0
        account = json.loads(capsys.readouterr().out)
        assert account["heard"][0]["likes"] == 1 and len(account["clips"]) == 1
        return Path(account["clips"][0])

    cut = clip_in("cut", show.journal)
    clip, rate = soundfile.read(cut, dtype="float32")
    sound, _ = soundfile.read(show.take, dtype="float32")
    (mark,) = read_take(show.journal).marks
    assert rate == 48_000 and len(clip) == mark["mark"], "all before the mark: it came before 12 s"
    np.testing.assert_allclose(clip, sound[: len(clip)], atol=2**-22)
    with soundfile.SoundFile(cut) as file:
        assert json.loads(file.comment)["scene"] == "one"
    alone = tmp_path / "take.jsonl"  # without its take
    alone.write_bytes(show.journal.read_bytes())
    again = clip_in("again", alone)
    np.testing.assert_array_equal(soundfile.read(again, dtype="int32")[0], soundfile.read(cut, dtype="int32")[0])
