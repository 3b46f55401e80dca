"""Which device a name means, and what is said when there is none."""

import os
import subprocess
import sys

import pytest

from legando.realtime.errors import DeviceError
from legando.realtime.playing.devices import (
    JACK_API,
    OutputDevice,
    choose_output,
    has_output,
    list_outputs,
    quiet_stderr,
)
from legando.realtime.playing.playerlink import PlayerProcess, PlayerSettings
from legando.realtime.ring import Ring


def output(index: int, name: str, host_api: str = "ALSA", *, default: bool = False) -> OutputDevice:
    return OutputDevice(
        index=index,
        name=name,
        host_api=host_api,
        channels=2,
        sample_rate_hz=48_000,
        latency_ms=5.0,
        is_default=default,
    )


CARDS = (
    output(0, "HDA Intel: ALC257 Analog (hw:0,0)"),
    output(2, "Scarlett 2i2 USB (hw:1,0)"),
    output(3, "default", default=True),
    output(5, "system", JACK_API),
    output(6, "Scarlett 2i2 USB (hw:1,0)", JACK_API),
)


@pytest.mark.parametrize(
    ("device", "host_api", "index"),
    [
        (None, None, 3),
        (2, None, 2),
        ("scarlett", None, 2),
        ("scarlett", "jack", 6),
        ("DEFAULT", None, 3),
        (None, "JACK", 5),
        ("system", JACK_API, 5),
    ],
)
def test_a_name_part_index_or_api_finds_its_device(device: str | int | None, host_api: str | None, index: int) -> None:
    assert choose_output(CARDS, device, host_api).index == index


@pytest.mark.parametrize(
    ("outputs", "device", "host_api", "sentence"),
    [
        ((), None, None, "no sound device was found; connect one, or start a JACK server"),
        (CARDS, "Scarlet 4i4", None, "'Scarlet 4i4' was not found; nearest: 'Scarlett 2i2 USB"),
        (CARDS, "", None, "'' was not found; nearest: "),
        (CARDS, 4, None, r"sound device 4 does not exist; choose 0 \(HDA"),
        (CARDS, None, "CoreAudio", "no sound device has host API 'CoreAudio'; there is ALSA, JACK"),
    ],
)
def test_a_missing_device_is_one_sentence_with_what_there_is(
    outputs: tuple[OutputDevice, ...], device: str | int | None, host_api: str | None, sentence: str
) -> None:
    with pytest.raises(DeviceError, match=sentence) as caught:
        choose_output(outputs, device, host_api)
    assert "\n" not in str(caught.value)


@pytest.fixture
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Point at a JACK server that does not exist."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "legando-no-such-server")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")


@pytest.mark.usefixtures("no_server")
def test_probing_makes_no_noise_and_agrees_with_itself(capfd: pytest.CaptureFixture[str]) -> None:
    there, reason = has_output()
    try:
        assert there == bool(list_outputs())
    except DeviceError as error:  # a machine without PortAudio says so
        assert not there and str(error) == reason
    assert there or reason
    assert capfd.readouterr() == ("", "")


def test_the_c_libraries_are_silenced_and_heard_again(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"ALSA lib pcm.c: noise\n")
    os.write(2, b"heard\n")
    assert capfd.readouterr().err == "heard\n"


@pytest.mark.usefixtures("no_server")
def test_without_the_library_the_debian_package_is_named() -> None:
    """PortAudio is hidden as a machine without it would: the loader finds nothing."""
    program = """
import ctypes.util
ctypes.util.find_library = lambda name: None
from legando.realtime.playing.devices import has_output
print(has_output())
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout.startswith("(False, 'the PortAudio library cannot be loaded")
    assert "apt install libportaudio2" in run.stdout and run.stderr == ""


def test_an_absent_device_is_the_players_own_sentence() -> None:
    with Ring.create() as ring:
        player = PlayerProcess(ring.name, PlayerSettings(device="no such card"))
        with pytest.raises(DeviceError, match=r"sound device|PortAudio"):
            player.start()
        assert not player.alive
        player.stop()


def test_a_player_without_its_ring_says_so() -> None:
    with pytest.raises(DeviceError, match=r"ring legando-gone\.ring cannot be opened"):
        PlayerProcess("legando-gone.ring", PlayerSettings()).start()


@pytest.mark.parametrize(("field", "value"), [("block_frames", 1), ("block_frames", 10_000), ("prefill_frames", 0)])
def test_absurd_settings_are_refused(field: str, value: int) -> None:
    with pytest.raises(DeviceError, match=f"{value} frames"):
        PlayerSettings(**{field: value})  # type: ignore[arg-type]


def test_the_player_imports_nothing_heavy() -> None:
    program = """
import sys
import legando.realtime.playing.player
heavy = {"torch", "onnxruntime", "zmq", "rtmidi", "mido", "scipy", "soundfile", "rich", "tokenizers"} & set(sys.modules)
sys.exit(", ".join(heavy) or 0)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert run.returncode == 0, run.stderr
