"""MIDI clock out at a real port leaves with the sound."""

import sys
import time

import numpy as np
import pytest

from legando.realtime.midi.clockout import ClockOut
from legando.realtime.midi.ports import Ports
from legando.realtime.rigs.rig import ClockRig, MidiRig
from legando.realtime.ring import PlayerState
from tests.realtime.conftest import JackServer
from tests.realtime.midi_ports import sink
from tests.realtime.steady_player import BLOCK_FRAMES, SteadyPlayer

pytestmark = pytest.mark.live


def test_the_clock_leaves_with_the_sound(jack_server: JackServer) -> None:
    tempo_bpm, seconds = 125.0, 4.0
    with sink("drums", "clock in") as got:
        ports = Ports(MidiRig(api="jack"), ClockRig(output="clock in"), lambda _: None, lambda *_: None)
        ports.open()
        player = SteadyPlayer()
        ports.start_clock(player, sample_rate_hz=48_000, block_frames=BLOCK_FRAMES, latency_frames=480)
        ahead = round(seconds * 48_000) // 3840
        for k in range(ahead + 1):
            ports.begins(k * 3840, k * 3840 * tempo_bpm / 15.0 / 48_000)
        time.sleep(seconds + 0.3)
        ports.close()
        time.sleep(0.1)
    kinds = [message[0] for _, message in got]
    assert kinds[:2] == [0xFA, 0xF8] and kinds[-1] == 0xFC and set(kinds) == {0xFA, 0xF8, 0xFC}
    pulses = np.array([at for at, message in got if message == b"\xf8"])
    handed_ns = [player.handed_ns(round(n * 48_000 * 60 / 24 / tempo_bpm) + 480) for n in range(len(pulses))]
    ideal = (np.array(handed_ns) + player.latency_ns) / 1e9
    assert len(pulses) == pytest.approx(seconds * tempo_bpm / 60 * 24, abs=3)
    off_ms = (pulses - ideal) * 1e3
    jitter_ms = off_ms - np.median(off_ms)
    p50, p95 = (float(np.percentile(np.abs(jitter_ms), q)) for q in (50, 95))
    worst = float(np.abs(jitter_ms).max())
    figures = f"late {np.median(off_ms):.2f} ms, jitter p50 {p50:.2f} p95 {p95:.2f} worst {worst:.2f} ms"
    sys.stderr.write(f"MIDI clock out: {figures}\n")
    # A JACK port hands over once a period of 5.3 ms, so that a pulse waits up to one and takes another.
    assert -1.0 < np.median(off_ms) < 25.0 and p95 < 15.0, figures
    half = len(pulses) // 2  # the middle one of many long spans: a stall at either end delays a few
    pulse_s = float(np.median(pulses[half : 2 * half] - pulses[:half])) / half
    assert 60 / 24 / pulse_s == pytest.approx(tempo_bpm, rel=0.003), "the tempo is the music's own"


def test_a_clock_without_a_player_says_nothing(jack_server: JackServer) -> None:
    sent: list[bytes] = []
    player = SteadyPlayer()
    player.player_state = PlayerState.FILLING
    clock = ClockOut(player, sent.append, sample_rate_hz=48_000, block_frames=BLOCK_FRAMES, latency_frames=0)
    clock.start()
    clock.begins(0, 0.0)
    clock.begins(3840, 0.64)
    time.sleep(0.1)
    clock.close()
    assert sent == []
