"""Programs at the bridge of a playing host: what they set is done, their song's tempo and bar are followed."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from legando.bridge import controlmessages as say
from legando.bridge.notes import Timed, messages_of
from legando.bridge.remote import Remote
from legando.bridge.subscriber import Subscriber
from legando.realtime.host import Host
from legando.realtime.performing.ownevent import read_own_event, song_event
from legando.realtime.performing.songplace import SongPlace
from legando.realtime.rigs.rig import BridgeRig, Rig, read_rig
from legando.realtime.screen.display import Display
from legando.realtime.show import Show
from tests.realtime.tone_generator import SPEC


@pytest.fixture(autouse=True)
def tone_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))


def test_a_songs_place_survives_its_event_and_says_where_frames_are() -> None:
    place = SongPlace(120.0, 64.0, 48_000, True)
    assert read_own_event(song_event(place)) == place
    assert place.position_ticks(48_000 + 6_000, 48_000) == 65.0
    assert place.position_ticks(0, 48_000) == 56.0
    assert SongPlace(120.0, 64.0, 0, False).position_ticks(0, 48_000) is None
    assert read_own_event(song_event(SongPlace(1e6, 0.0, 0, True))) is None, "no such tempo"
    assert not SongPlace(0.0, 0.0, 0, False).leads


def test_a_program_steers_hears_and_leads_the_time(tmp_path: Path) -> None:
    audio, control = f"ipc://{tmp_path}/a.ipc", f"ipc://{tmp_path}/c.ipc"
    rig = Rig(bridge=BridgeRig(publish=audio, control=control, int16_stream="small"), scenes=read_rig().scenes)
    host = Host(
        Show(rig=rig, bundle=None, piece=None, seconds=8.0), instrument=SPEC, display=Display(quiet=True), sound=False
    )
    thread = threading.Thread(target=host.run)
    thread.start()
    try:
        with Subscriber(audio) as main, Subscriber(audio, stream="small") as small:
            assert main.receive(20_000) is not None, "the host plays"
            assert small.receive(2_000) is not None
            with Remote(control) as remote:
                assert [stream.name for stream in remote.streams] == ["main", "small"]
                remote.set("density", 0.125)
                remote.set("level", 0.5)
                until = time.monotonic() + 4
                while remote.state.values.get("density") != 0.125 or remote.state.budget is None:
                    assert time.monotonic() < until
                    remote.event(100)
                assert host.level == 0.5
                block = main.receive(2_000)
                assert block is not None
                lead_frame, lead_tick = block.frame_position, 4000.0  # far from where the music is: it jumps there
                beat: say.BeatEvent | None = None
                until = time.monotonic() + 4
                while beat is None or not beat.following or beat.tick < 3000.0:
                    assert time.monotonic() < until
                    remote.transport(132.0, lead_tick, frame_position=lead_frame)
                    remote.event(50)
                    beat = remote.state.beat
                assert beat.tempo_bpm == 132.0
                due = lead_tick + (beat.frame_position - lead_frame) * 132.0 / (15.0 * 48_000)
                assert abs(beat.tick - due) < 0.01, "the same sixteenth at the same frame"
            with Remote(control, events=say.NOTES) as player:
                clicks, notes = list[int](), list[Timed]()
                until = time.monotonic() + 1.6
                while time.monotonic() < until:
                    for event in player.events(0.0):
                        assert isinstance(event, say.NotesEvent)
                        notes += messages_of(event)
                    block = main.receive(50)
                    if block is not None:
                        rises = np.diff(block.frames[:, 0], prepend=block.frames[0, 0]) > 0.1
                        clicks += (block.frame_position + np.flatnonzero(rises)).tolist()
            kicks = [frame for frame, message in notes if message[0] == 0x99]
            heard = [frame for frame in clicks if kicks and kicks[0] <= frame <= kicks[-1]]
            assert len(heard) > 1 and set(heard) <= set(kicks), "each at its very frame of the stream"
    finally:
        thread.join(30)
