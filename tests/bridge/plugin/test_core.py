"""The plug-in's parts read what Python writes, and nothing else."""

from __future__ import annotations

import json
import random
import struct
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from legando.bridge import controlmessages as say
from legando.bridge import controlwire, wire
from legando.bridge.endpoint import parse_endpoint
from legando.bridge.keys import client_keys, new_keys
from legando.realtime.controls import LOOP_BARS, SECTIONS
from legando.realtime.errors import LegandoError, WireError
from legando.realtime.rigs.controlnames import CONTROLS, KEEP, LOOP, SEED, find_control
from legando.realtime.tonality import KEY_NAMES
from tests.bridge.plugin.coreprogram import Core, lines

REPOSITORY = Path(__file__).parents[3]
PLUGIN = REPOSITORY / "bridge" / "plugin"
FUZZED = 200_000


def audio_messages() -> list[bytes]:
    """Return messages of every format, of several sizes and numbers of channels."""
    noise = np.random.default_rng(1)
    messages = []
    for sample_format in wire.SampleFormat:
        for channels, frames in ((1, 1), (2, 128), (2, 480), (5, 7), (32, 3)):
            packer = wire.Packer(
                f"s.{channels}-{frames}_{sample_format}",
                bytes(range(16)),
                sample_rate_hz=44_100 + channels,
                channels=channels,
                sample_format=sample_format,
            )
            block = noise.uniform(-1.2, 1.2, (frames, channels)).astype(np.float32)
            position = 2**61 + 12345 * frames
            messages.append(packer.pack(block, sequence=frames, frame_position=position, timestamp_ns=7, wall_ns=8))
    return messages


def control_messages() -> list[bytes]:
    """Return one message of each kind that a server says."""
    bodies: list[say.FromServer] = [
        say.Welcome(31, 2000, 10_000, 2, bytes(range(16)), "legando"),
        say.StreamInfo("main", bytes(range(16)), 48_000, 2, 1, 3840),
        say.Value(0.5, 0.0, 1.0, 0, "mute.drums"),
        say.Done(),
        say.Error(8, "another client leads the time; let it release it first – später"),
        say.Pong(1, 2**63),
        say.SceneEvent(2, 3, "night drive"),
        say.BeatEvent(-17.25, 123.4, 2**62, 1, "Am7"),
        say.LevelsEvent(-1.0, -2.0, -3.0, -4.0),
        say.BudgetEvent(1.0, 2.0, 3.0, 4, 5, 6, 7),
        say.NotesEvent(1, 2, 3840, bytes(448)),
    ]
    return [controlwire.pack(body, number=n, timestamp_ns=9, answers=n) for n, body in enumerate(bodies, 1)]


def mutated(message: bytes, chance: random.Random) -> bytes:
    """Return a message with a few bytes changed, cut off, lost or added."""
    changed = bytearray(message)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(min(len(changed), chance.choice((40, 128, len(changed)))))
        how = chance.randrange(5)
        if how == 0:
            changed[at] = chance.randrange(256)
        elif how == 1:
            changed[at] ^= 1 << chance.randrange(8)
        elif how == 2 and at:
            del changed[at:]
        elif how == 3:
            del changed[at]
        else:
            changed += bytes([chance.randrange(256)] * chance.randint(1, 8))
        if not changed:
            return b"\0"
    return bytes(changed)


def test_audio_reads_as_python_wrote_it(core: Core) -> None:
    messages = audio_messages()
    for message, read in zip(messages, lines(core("parse", messages=messages)), strict=True):
        header, frames = wire.parse_audio(message)
        assert read["refusal"] == 0
        assert (read["stream"], bytes.fromhex(read["stream_id"])) == (header.stream, header.stream_id)
        assert (read["sequence"], read["position"]) == (header.sequence, header.frame_position)
        assert (read["timestamp_ns"], read["rate"]) == (header.timestamp_ns, header.sample_rate_hz)
        assert (read["frames"], read["channels"]) == (header.frames, header.channels)
        stereo = np.ascontiguousarray(frames[:, [0, min(1, header.channels - 1)]])
        assert bytes.fromhex(read["stereo"]) == stereo.tobytes(), "bit for bit, from int16 too"


def test_damaged_audio_is_refused_where_python_refuses_it(core: Core) -> None:
    chance = random.Random(2)
    seeds = [message for message in audio_messages() if len(message) < 2000]
    messages = [mutated(chance.choice(seeds), chance) for _ in range(3000)]
    not_finite = bytearray(seeds[0])
    not_finite[-4:] = struct.pack("<f", float("nan"))
    messages.append(bytes(not_finite))
    taken = 0
    for message, read in zip(messages, lines(core("parse", messages=messages)), strict=True):
        try:
            wire.parse_audio(message)
        except WireError as error:
            assert read["refusal"] != 0, f"Python refuses it: {error}: {message[:104].hex()}"
        else:
            taken += 1
            assert read["refusal"] == 0, f"Python takes it: {message[:104].hex()}"
    assert 100 < taken < 2700, "both happen"


def test_what_it_says_python_reads(core: Core) -> None:
    (packed,) = lines(core("pack"))
    expected: list[say.FromClient] = [
        say.Hello(6, b"\xab" * 16, "plug-in"),
        say.Set(0.25, "mute.drums"),
        say.Get(""),
        say.Midi(-1500, 3, b"\x90\x3c\x64"),
        say.Transport(123.5, -4.25, 987654321, 0, say.PLAYING),
        say.Ping(),
        say.Bye(),
        say.Prompt("smoky jazz:0.7; dusty lofi"),
    ]
    for body in expected:
        assert controlwire.parse(bytes.fromhex(packed[type(body).__name__])) == (7, 0, 123456789, body)


def test_what_a_server_says_reads_as_python_wrote_it(core: Core) -> None:
    messages = control_messages()
    for message, read in zip(messages, lines(core("control", messages=messages)), strict=True):
        assert (read["refusal"], bytes.fromhex(read["body"])) == (0, message[24:])


def test_damaged_control_is_refused_where_python_refuses_it(core: Core) -> None:
    chance = random.Random(3)
    server_kinds = {kind.CODE for kind in say.FROM_SERVER}
    messages = [mutated(chance.choice(control_messages()), chance) for _ in range(4000)]
    taken = 0
    for message, read in zip(messages, lines(core("control", messages=messages)), strict=True):
        try:
            good = controlwire.parse(message).body.CODE in server_kinds
        except WireError:
            good = False
        taken += good
        assert (read["refusal"] == 0) == good, message.hex()
    assert 300 < taken < 3700, "both happen"


def test_fuzzed_frames_never_read_beyond_their_end(core: Core) -> None:
    (figures,) = lines(core("fuzz", FUZZED, messages=[*audio_messages(), *control_messages()]))
    assert figures["frames"] == FUZZED and figures["wrong"] == 0
    assert 0.02 * FUZZED < figures["taken"] < 0.9 * FUZZED, "both happen"


@pytest.mark.parametrize("encrypted", [False, True])
def test_addresses_mean_what_they_mean_in_python(core: Core, tmp_path: Path, encrypted: bool) -> None:
    addresses = [
        "ipc://audio", "ipc:///tmp/a/b.ipc", "ipc://~/x.ipc", "ipc://", "ipc://@hidden", "ipc:///tmp/",
        "ipc:///" + "x" * 120, "tcp://127.0.0.1:5580", "tcp://localhost:5580", "tcp://[::1]:5580", "tcp://127.0.0.1:0",
        "tcp://127.0.0.1:70000", "tcp://127.0.0.1:", "tcp://127.0.0.1:*", "tcp://192.168.1.5:5580", "tcp://studio:5580",
        "udp://127.0.0.1:1", "audio", "",
    ]  # fmt: skip
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        expected = []
        for address in addresses:
            try:
                expected.append(parse_endpoint(address, encrypted=encrypted).url)
            except LegandoError:
                expected.append("")
    assert core("resolve", int(encrypted), *addresses, environment=environment).split("\n")[:-1] == expected


def test_keys_read_as_python_wrote_them(core: Core, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    new_keys(folder, "daw")
    keys = client_keys(folder, "daw")
    read = core("keys", folder, "daw").split("\n")[:3]
    assert read == [keys.server.decode(), keys.public.decode(), keys.secret.decode()]
    (folder / "daw.key_secret").chmod(0o644)
    assert core("keys", folder, "daw").split() == [], "open to others: not used"
    assert core("keys", folder, "nobody").split() == []


def test_its_parameters_are_the_controls_of_the_rig_file(core: Core) -> None:
    *rows, names = core("parameters").splitlines()
    assert json.loads(names) == ["none", *SECTIONS, *KEY_NAMES], "numbers mean the same"
    table = [json.loads(row) for row in rows]
    moved = {row["control"]: row for row in table if row["control"]}
    for name, row in moved.items():
        control = find_control(name)
        assert row["symbol"] == name.replace(".", "_")
        most = control.high if name == SEED else control.most  # as far as a MIDI knob reaches
        assert (row["least"], row["most"]) == pytest.approx((control.least, most))
    missing = set(CONTROLS) - set(moved) - {f"section.{section}" for section in SECTIONS} - {"tap", KEEP}
    missing -= {f"{LOOP}.{bars}" for bars in LOOP_BARS}  # as `section` is one for all sections
    assert not missing, f"no parameter moves {missing}"


def test_the_structs_are_as_long_as_pythons() -> None:
    source = (PLUGIN / "controlwire.hpp").read_text()
    for kind in (*say.FROM_CLIENT, *say.FROM_SERVER):
        if fields(kind):
            assert f"struct {kind.__name__} " in source
