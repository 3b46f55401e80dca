"""The player process on a real audio server; the proof is the recorded waveform."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from legando.realtime.errors import DeviceError
from legando.realtime.playing.devices import JACK_API, find_output, has_output
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.ring import PlayerState, Ring
from tests.realtime.conftest import JackServer, real_time_is_allowed, running_server
from tests.waiting import until

pytestmark = pytest.mark.live
PRODUCER = Path(__file__).with_name("ramp_producer.py")
RAMP_PERIOD = 1 << 21
END_FADE_FRAMES = 1200
SETTINGS = PlayerSettings(device="system", host_api=JACK_API, block_frames=256)


def produce(
    ring: Ring, *, seconds: float, lead: int = 48_000, stall_at: int = 0, stall_ms: int = 0
) -> "subprocess.Popen[bytes]":
    """Start a process that writes the ramp into the ring, far enough ahead for a busy machine."""
    total = round(seconds * ring.sample_rate_hz) // 1920 * 1920
    arguments = [ring.name, *map(str, (total, 1920, lead, stall_at, stall_ms))]
    return subprocess.Popen([sys.executable, str(PRODUCER), *arguments])


def breaks(recorded: npt.NDArray[np.int32]) -> int:
    """Count the places where the ramp does not go on by one, from its first sample to the fade at its end."""
    sounding = np.flatnonzero(recorded[:, 1])
    body = recorded[sounding[0] : sounding[-1] - END_FADE_FRAMES].astype(np.int64)
    good = (np.diff(body[:, 0]) % RAMP_PERIOD == 1) & (-np.diff(body[:, 1]) % RAMP_PERIOD == 1)
    return int(np.count_nonzero(~good))


def test_the_recorded_ramp_has_no_break(jack_server: JackServer, tmp_path: Path) -> None:
    take = tmp_path / "ramp.wav"
    with Ring.create() as ring, PlayerProcess(ring.name, SETTINGS) as player:
        ready = player.start()
        assert ready.host_api == JACK_API
        with jack_server.start_recording(take, 6) as recorder, produce(ring, seconds=4.0) as producer:
            assert recorder.wait(30) == 0
            assert producer.wait(10) == 0
        assert player.wait(10.0)
        assert ring.player_state is PlayerState.STOPPED
        assert ring.underruns == 0 and ring.concealed_frames == 0
        assert ring.played_frames == ring.written_frames
        found = breaks(jack_server.read_recording(take))
        # A virtual machine stalls longer than a period now and then; then the server must have said so.
        assert found <= 2 * ring.xruns, f"{found} breaks with {ring.xruns} xruns"
        if real_time_is_allowed():
            assert found <= 4


def test_a_late_writer_is_concealed_counted_and_the_sound_returns(jack_server: JackServer, tmp_path: Path) -> None:
    take = tmp_path / "stall.wav"
    with Ring.create() as ring, PlayerProcess(ring.name, SETTINGS) as player:
        player.start()
        with (
            jack_server.start_recording(take, 4) as recorder,
            produce(ring, seconds=2.0, lead=7680, stall_at=48_000, stall_ms=500) as producer,
        ):
            assert recorder.wait(30) == 0
            assert producer.wait(10) == 0
        until(lambda: not player.alive)
        assert 1 <= ring.underruns <= 3  # a busy machine may add its own
        # 500 ms without a frame, less at most 160 ms of lead.
        assert 0.25 * 48_000 < ring.concealed_frames < 1.5 * 48_000
        assert ring.played_frames == ring.written_frames  # late, but nothing lost
        recorded = jack_server.read_recording(take)
        silent = np.all(recorded == 0, axis=1)
        assert np.count_nonzero(silent) > 0.2 * 48_000
        if ring.xruns == 0:
            sounding = recorded[np.flatnonzero(~silent)[0] : np.flatnonzero(~silent)[-1]].astype(np.int64)
            steps = np.abs(np.diff(sounding, axis=0))
            wraps = steps > RAMP_PERIOD - 4
            assert np.max(steps[~wraps]) < RAMP_PERIOD / 100  # fades, not cuts


def test_a_killed_player_is_replaced_and_goes_on_where_it_was(jack_server: JackServer) -> None:
    with Ring.create() as ring, PlayerProcess(ring.name, SETTINGS) as player:
        player.start()
        with produce(ring, seconds=3.0) as producer:
            until(lambda: ring.played_frames > 24_000)
            os.kill(player.pid, signal.SIGKILL)
            until(lambda: not player.alive)
            assert player.end == "the player ended with status -9"
            stood = ring.played_frames
            player.restart()
            until(lambda: ring.played_frames > stood + 24_000)
            assert producer.wait(20) == 0
        until(lambda: not player.alive)
        assert ring.played_frames == ring.written_frames
        assert ring.skipped_frames == 0


def test_the_player_fades_out_and_ends_when_its_host_dies(jack_server: JackServer) -> None:
    host_program = """
import sys, time
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
player = PlayerProcess(sys.argv[1], PlayerSettings(device="system"))
player.start()
print(player.pid, flush=True)
time.sleep(60)
"""
    with Ring.create() as ring:
        host = subprocess.Popen([sys.executable, "-c", host_program, ring.name], stdout=subprocess.PIPE)
        assert host.stdout is not None
        player_pid = int(host.stdout.readline())
        os.kill(player_pid, 0)
        host.kill()
        host.wait()
        host.stdout.close()
        until(lambda: ring.player_state is PlayerState.STOPPED)
        until(lambda: not Path(f"/proc/{player_pid}").exists() or "Z" in status_of(player_pid), 5.0)


def status_of(pid: int) -> str:
    """Return the state letter of a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


@pytest.mark.parametrize(
    ("stroke", "reason"),
    [(signal.SIGTERM, "is gone"), (signal.SIGKILL, "is gone|nothing"), (signal.SIGSTOP, "nothing")],
)
def test_a_dead_server_ends_the_player_with_a_reason(
    jack_server: JackServer, monkeypatch: pytest.MonkeyPatch, stroke: signal.Signals, reason: str
) -> None:
    """The player reports the loss instead of hanging in a close that never returns."""
    name = f"{jack_server.name}-{stroke.value}"
    monkeypatch.setenv("JACK_DEFAULT_SERVER", name)
    with (
        running_server(name, port_max=64) as server,
        Ring.create() as ring,
        PlayerProcess(ring.name, SETTINGS) as player,
    ):
        player.start()
        server.send_signal(stroke)
        assert player.wait(10.0)
        assert player.end is not None and re.search(reason, player.end)


def test_an_unknown_device_is_refused_with_the_nearest_names(jack_server: JackServer) -> None:
    with Ring.create() as ring, pytest.raises(DeviceError, match="'sistem' was not found; nearest: 'system'"):
        PlayerProcess(ring.name, PlayerSettings(device="sistem")).start()


def test_the_server_is_listed_as_an_output(jack_server: JackServer) -> None:
    assert has_output() == (True, "")
    device = find_output("system", "JACK")
    assert device.host_api == JACK_API and device.channels == 2 and device.sample_rate_hz == 48_000
