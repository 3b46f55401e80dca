"""The plug-in in a CLAP host: exact sound at a known delay; what the host says arrives; nothing holds it up."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.bridge.plugin.programs import ClapHost, SignalServer, check_exact, hear
from tests.bridge.plugin.signal_server import RATE_HZ

ROOMY_MS = 200
"""A buffer that no stall of a busy machine empties, where the delay is not what is tested."""

StartServer = Callable[..., SignalServer]
StartHost = Callable[..., ClapHost]


def roomy(host: ClapHost, *, block: int = 128, buffer_ms: float = ROOMY_MS, instances: int = 1) -> None:
    """Set the buffer and activate."""
    for instance in range(instances):
        host.ask(f"param {instance} {host.parameters()['buffer']['id']} {buffer_ms}")
    host.ask(f"activate {RATE_HZ} {block}")


@pytest.mark.parametrize(("chunk", "block"), [(128, 128), (3840, 64), (500, 1000)])
def test_sound_is_what_was_sent_bit_by_bit(server: StartServer, host: StartHost, chunk: int, block: int) -> None:
    server(chunk=chunk)
    daw = host(seconds=8)
    roomy(daw, block=block)
    daw.ask("start paced")
    daw.wait_for_sound()
    time.sleep(0.5)
    daw.ask("stop")
    assert max(run.frames for run in check_exact(daw.sound())) > 0.3 * RATE_HZ


def test_notes_keep_their_frames(server: StartServer, host: StartHost) -> None:
    source, daw = server(), host()
    roomy(daw, block=512)
    daw.ask("start paced")
    daw.wait_for_sound()
    source.wait_for("clients", lambda clients: clients["count"] == 1)
    offsets = (0, 1, 100, 511)
    for key in range(40, 52):
        daw.ask("hold")
        for number, offset in enumerate(offsets):
            daw.ask(f"midi 0 {offset} {0x90 + number} {key} 100")
        daw.ask("give")
        time.sleep(0.02)
    source.wait_for("midi", lambda said: said["bytes"] == [0x93, 51, 100])
    daw.ask("stop")
    heard = [said for said in source.of("midi") if 0x90 <= said["bytes"][0] <= 0x93]
    wanted = [[0x90 + number, key, 100] for key in range(40, 52) for number in range(4)]
    assert [said["bytes"] for said in heard] == wanted, "all of them, in order"
    times_ns = np.array([said["time_ns"] for said in heard]).reshape(-1, 4)
    frames = (times_ns - times_ns[:, :1]) * RATE_HZ / 1e9
    assert np.allclose(frames, offsets, atol=0.01), "as many frames apart as in the host"
    starts_ns = daw.blocks["start_ns"].astype(np.int64)
    after_ns = [int(np.abs(starts_ns - first).min()) for first in times_ns[:, 0]]
    assert np.median(after_ns) < 2e6, f"at the time of their block: {after_ns} ns from it"


def test_every_parameter_reaches_the_server(server: StartServer, host: StartHost) -> None:
    source, daw = server(), host()
    roomy(daw)
    daw.ask("start paced")
    daw.wait_for_sound()
    names = {"density": 0.25, "brightness": 0.75, "level": 0.5, "filter": -0.25, "mute_drums": 1.0, "weight_2": 0.125}
    names |= {"loop": 4.0, "seed": 17.0}
    parameters = daw.parameters()
    for symbol, value in names.items():
        daw.ask(f"param 0 {parameters[symbol]['id']} {value}")
    for symbol, value in names.items():
        name = symbol.replace("_", ".") if symbol.startswith(("mute_", "weight_")) else symbol
        source.wait_for_set(name, value)
    daw.ask("stop")


def test_each_press_of_a_button_reaches_the_server_once(server: StartServer, host: StartHost) -> None:
    source, daw = server(), host()
    roomy(daw)
    daw.ask("start paced")
    daw.wait_for_sound()
    parameters = daw.parameters()
    pressed = ("seed_next", "seed_next", "seed_back", "seed_next", "panic", "like")
    for symbol in pressed:
        daw.ask(f"param 0 {parameters[symbol]['id']} 1")
    daw.ask(f"param 0 {parameters['dislike']['id']} 1")
    source.wait_for_set("dislike", 1.0)
    daw.ask("stop")
    names = [said["name"] for said in source.of("set") if said["value"] == 1.0]
    assert sorted(names) == sorted([*(symbol.replace("_", ".") for symbol in pressed), "dislike"])


def test_the_music_is_told_where_the_hosts_bar_is_to_the_frame(server: StartServer, host: StartHost) -> None:
    source, daw = server(), host()
    roomy(daw, block=256)
    daw.ask("start paced")
    daw.wait_for_sound()
    daw.ask("transport 1 132 64")
    lead = source.wait_for("lead", lambda said: said["tempo_bpm"] == 132.0 and said["playing"])
    daw.ask("transport 1 96.5 200")
    later = source.wait_for("lead", lambda said: said["tempo_bpm"] == 96.5 and said["tick"] > 799)
    daw.ask("transport 0 96.5 300")
    stopped = source.wait_for("lead", lambda said: said["tempo_bpm"] == 96.5 and not said["playing"])
    daw.ask("stop")
    runs = hear(daw.sound())
    for said, beats in ((lead, 64.0), (later, 200.0)):
        assert said["frame_position"] is not None
        frames = (said["tick"] - 4 * beats) * 15.0 * RATE_HZ / said["tempo_bpm"]
        begins = said["frame_position"] - frames  # where in the stream the host was at `beats`
        at = [run.frame + begins - run.position for run in runs if run.position <= begins < run.position + run.frames]
        assert at, f"{begins} was never heard: {runs}"
        started = at[0] - daw.latency_frames()  # the host hears what is made now that much earlier in its song
        assert abs(started / 256 - round(started / 256)) < 0.02, f"the transport changed with a block, not at {started}"
    assert stopped["playing"] is False


def test_without_a_server_there_is_silence_and_then_sound_by_itself(server: StartServer, host: StartHost) -> None:
    daw = host()
    roomy(daw)
    daw.ask("start paced")
    time.sleep(0.5)
    assert len(daw.sound()) > 10_000
    assert not daw.sound().any()
    server()
    daw.wait_for_sound()
    daw.ask("stop")
    check_exact(daw.sound())
    assert int(daw.blocks["switches"].sum()) == 0, "process() never waited"


def test_a_host_may_stop_and_start_it_again_at_other_sizes(server: StartServer, host: StartHost) -> None:
    server()
    daw = host()
    for block in (64, 1024, 37):
        roomy(daw, block=block)
        since = len(daw.sound())
        daw.ask("start paced")
        daw.wait_for_sound(since=since)
        daw.ask("stop")
        daw.ask("deactivate")
        check_exact(daw.sound()[-4000:])


def test_a_project_keeps_what_was_set(server: StartServer, host: StartHost, tmp_path: Path) -> None:
    source, daw = server(), host(instances=2)
    parameters = daw.parameters()
    roomy(daw)
    for symbol, value in (("density", 0.125), ("buffer", 77.0), ("mute_bass", 1.0)):
        daw.ask(f"param 0 {parameters[symbol]['id']} {value}")
    daw.ask("run 256 free")
    daw.ask(f"save 0 {tmp_path}/project")
    daw.ask("deactivate")
    state = (tmp_path / "project").read_bytes()
    assert b"density" in state and b"buffer" in state
    daw.ask(f"load 1 {tmp_path}/project")
    for symbol, value in (("density", 0.125), ("buffer", 77.0), ("mute_bass", 1.0)):
        assert daw.ask(f"value 1 {parameters[symbol]['id']}")["value"] == value
    daw.ask(f"save 1 {tmp_path}/again")
    assert (tmp_path / "again").read_bytes() == state
    assert source.of("clients") is not None


def test_two_plug_ins_play_each_its_own_stream(server: StartServer, host: StartHost) -> None:
    server(streams="main,second")
    daw = host(instances=2)
    stream = daw.parameters()["stream"]["id"]
    daw.ask(f"param 1 {stream} 2")
    roomy(daw, instances=2)
    daw.ask("start paced")
    daw.wait_for_sound(0)
    daw.wait_for_sound(1)
    time.sleep(0.5)
    daw.ask("stop")
    check_exact(daw.sound(0)[-9600:])
    check_exact(daw.sound(1)[-9600:], salt=1)
