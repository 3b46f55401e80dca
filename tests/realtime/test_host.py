"""The host and its engine process, without a sound device: what is published is gapless, and a dead engine returns."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from legando.bridge.listen import ListenReport, listen
from legando.realtime.cli import main
from legando.realtime.errors import LegandoError
from legando.realtime.host import Host
from legando.realtime.recording.verify import verify
from legando.realtime.recording.wavfile import WavWriter
from legando.realtime.report import HostReport
from legando.realtime.rigs.rig import BridgeRig, Rig, read_rig
from legando.realtime.ring import ring_folder
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.tone_generator import SPEC

MAIN = f"import sys; from legando.realtime.cli import main; sys.exit(main(instrument={SPEC!r}))"


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


class Run(threading.Thread):
    """A host without a sound device in a thread; the main thread is free to listen and to interfere."""

    def __init__(
        self, endpoint: str, seconds: float, instrument: str = SPEC, recorder: WavWriter | None = None
    ) -> None:
        super().__init__()
        rig = Rig(bridge=BridgeRig(publish=endpoint), scenes=read_rig().scenes)
        show = Show(rig=rig, bundle=None, piece=None, seconds=seconds)
        display = Display(quiet=True)
        self.host = Host(show, instrument=instrument, display=display, sound=False, recorder=recorder)
        self.report: HostReport | None = None
        self.error: LegandoError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.report = self.host.run()
        except LegandoError as error:
            self.error = error

    def engine_pid(self) -> int:
        until = time.monotonic() + 20
        while self.host.chunks_made < 10:
            assert time.monotonic() < until and self.error is None
            time.sleep(0.01)
        return self.host.engine_pid


def test_a_subscriber_hears_real_time_without_a_gap(tmp_path: Path) -> None:
    endpoint = f"ipc://{tmp_path}/live.ipc"
    run = Run(endpoint, seconds=4.0)
    report = listen(endpoint, 3.0, tmp_path / "a.wav", timeout_s=20.0)
    run.join(20)
    assert report.complete and report.gaps == 0 and report.lost_frames == 0
    assert run.report is not None and run.report.seconds == 4.0 and run.report.engine_restarts == 0
    sound, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert np.abs(sound).max() > 0.05


def test_the_clock_paces_what_no_device_does_and_a_full_recording_stops_nothing(tmp_path: Path) -> None:
    began = time.monotonic()
    recorder = WavWriter(tmp_path / "full.wav", subtype="FLOAT")
    recorder._max_frames = 50_000
    run = Run(f"ipc://{tmp_path}/live.ipc", seconds=3.0, recorder=recorder)
    run.engine_pid()
    first = time.monotonic()
    run.join(20)
    assert 1.5 < time.monotonic() - first < 6.0, f"{first - began:.1f} s to start"
    assert run.report is not None and run.report.seconds >= 3.0
    recorder.commit()
    assert soundfile.info(tmp_path / "full.wav").frames == 13 * 3840


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGSTOP])
def test_an_engine_that_dies_or_hangs_is_replaced_and_the_sound_goes_on(tmp_path: Path, sent: signal.Signals) -> None:
    endpoint = f"ipc://{tmp_path}/live.ipc"
    run = Run(endpoint, seconds=3.5)
    reports: list[ListenReport] = []
    listener = threading.Thread(target=lambda: reports.append(listen(endpoint, 3.2, tmp_path / "a.wav", timeout_s=20)))
    listener.start()
    os.kill(run.engine_pid(), sent)
    run.join(40)
    listener.join(20)
    assert run.report is not None and run.report.engine_restarts == 1 and run.report.seconds >= 3.5
    assert reports[0].complete and reports[0].gaps == 0  # later, but all of it
    sound, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    clicks = np.flatnonzero(sound[1:-1, 0] - (sound[:-2, 0] + sound[2:, 0]) / 2 > 0.15)
    assert len(clicks) > 2 and np.ptp(np.diff(clicks)) <= 2, "the beat goes on through it"


def test_an_engine_that_cannot_start_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    run = Run(f"ipc://{tmp_path}/live.ipc", seconds=1.0, instrument="tone_generator:broken")
    run.join(30)
    assert run.error is not None and "this one never plays" in str(run.error)


def rings_of(pid: int) -> set[str]:
    """Return the names of the rings that a process has mapped: those of other runs on this machine are not its own."""
    return set(re.findall(r"legando-[0-9a-f]+\.ring", Path(f"/proc/{pid}/maps").read_text()))


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_ends_cleanly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, status: int
) -> None:
    """Nobody said where to publish: it is where the plug-in looks."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    command = [sys.executable, "-c", MAIN, "serve", "--live", "--json", "--journal", str(tmp_path / "take.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        listen("ipc://audio", 0.5, tmp_path / "a.wav", timeout_s=20.0)
        assert (tmp_path / "legando" / "control").exists()
        rings = rings_of(process.pid)
        process.send_signal(sent)
        out, err = process.communicate(timeout=60)
    assert process.returncode == status and "Traceback" not in err
    assert json.loads(out)["interrupted"] is True
    assert not any((tmp_path / "legando").iterdir())
    assert rings and not any((ring_folder() / name).exists() for name in rings)
    assert json.loads((tmp_path / "take.jsonl").read_text().splitlines()[0])["legando_journal"] == 2


def test_a_machine_too_slow_for_all_steps_plays_with_fewer(tmp_path: Path) -> None:
    """Eight steps take 88 ms of an 80 ms chunk, six take 66."""
    endpoint = f"ipc://{tmp_path}/live.ipc"
    run = Run(endpoint, seconds=4.0, instrument="tone_generator:slow")
    report = listen(endpoint, 2.5, tmp_path / "a.wav", timeout_s=20.0)
    run.join(30)
    assert report.complete and report.gaps == 0 and run.report is not None
    made = run.report.steps
    assert set(made) <= {8, 6, 4, 2} and made.get(8, 0) < 8 < 35 < sum(made.values()) - made.get(8, 0), made
    assert run.report.plain()["ladder"] == {str(steps): count for steps, count in made.items()}
    assert "simpler chunks" in run.report.sentence()


def test_listen_prints_its_account(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    endpoint = f"ipc://{tmp_path}/live.ipc"
    run = Run(endpoint, seconds=2.0)
    run.engine_pid()
    assert main(["listen", endpoint, "--seconds", "0.5", "--out", str(tmp_path / "a.wav"), "--json"]) == 0
    account = json.loads(capsys.readouterr().out)
    found = verify(tmp_path / "a.wav")
    assert (found.samples, found.marked, found.origin["stream"]) == ("as written", True, "main")
    assert account["pcm_sha256"] == found.origin["samples_sha256"]
    assert account["gaps"] == 0 and set(account["latency_ms"]) >= {"p50", "p99", "max"}
    run.join(20)
