"""What the bridge's pages say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from legando.bridge import clients, controlwire, gate, intake, wire
from legando.bridge import control as controlling
from legando.bridge import controlmessages as say
from legando.bridge import publisher as publishing
from legando.bridge import subscriber as subscribing
from legando.bridge.control import ControlServer
from legando.bridge.publisher import Publisher
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import read_own_event

BRIDGE = Path(__file__).parents[2] / "bridge"
PAGE = (BRIDGE / "PROTOCOL.md").read_text()
PULL, STEER, BOTH = re.findall(r"```python\n(.*?)```", (BRIDGE / "README.md").read_text(), re.DOTALL)
ROWS = re.compile(r"^\| *(\d+) \| *([^|]*?) *\| *(\w+) *\|", re.MULTILINE)
SIZES = {"u8": 1, "u16": 2, "u32": 4, "f32": 4, "u64": 8, "i64": 8, "f64": 8, "": 0}


def size_of(kind: str) -> int:
    return SIZES[kind] if kind in SIZES else int(kind.removesuffix(" B"))


def lines_of(code: str, *arguments: str, lines: int) -> list[str]:
    with subprocess.Popen([sys.executable, "-u", "-c", code, *arguments], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        read = [program.stdout.readline() for _ in range(lines)]
        program.kill()
    return read


def test_the_pulling_program_prints_levels(publisher: Publisher, broadcast: Callable[..., Any]) -> None:
    broadcast(publisher)
    lines = lines_of(PULL, publisher.endpoint, lines=5)
    assert all(re.fullmatch(r" *\d+ +-?\d+\.\d dB +\d+\.\d\d ms\n", line) for line in lines), lines


def test_the_steering_program_steers(tmp_path: Path) -> None:
    prompts: list[str] = []
    with ControlServer(f"ipc://{tmp_path}/c.ipc", on_prompt=prompts.append) as server:
        server.tell_values({"density": 0.8})
        server.tell(say.SCENE, say.SceneEvent(2, 3, "warm"))
        lines = lines_of(STEER, server.endpoint, lines=2)
        told = [one.message for one in server.take() if isinstance(one, LiveMessage)]
    assert [read_own_event(message) for message in told[:2]] == [("density", 0.8), ("scene.2", 1.0)]
    assert told[2] == b"\x90\x3c\x64"
    assert prompts == ["smoky jazz:0.7; dusty lofi:0.3"]
    assert lines[0] == "density is 0.8\n" and "Event" in lines[1] + "Event"


def test_the_program_that_does_both_does(publisher: Publisher, broadcast: Callable[..., Any], tmp_path: Path) -> None:
    broadcast(publisher)
    with ControlServer(f"ipc://{tmp_path}/c.ipc") as server:
        lines = lines_of(BOTH, publisher.endpoint, server.endpoint, lines=5)
        until = time.monotonic() + 5
        while not (told := list(server.take())):
            assert time.monotonic() < until
    assert all(re.fullmatch(r"\d+ 128\n", line) for line in lines), lines
    assert isinstance(told[0], LiveMessage) and read_own_event(told[0].message) == ("brightness", 0.9)


def test_protocol_and_code_have_the_same_headers() -> None:
    audio, control = PAGE.split("## Control\n")
    for module, page, fields, size in (
        (wire, audio, 16, wire.HEADER_BYTES),
        (controlwire, control, 8, controlwire.HEADER_BYTES),
    ):
        assert module.__doc__ is not None
        documented = ROWS.findall(module.__doc__)
        assert len(documented) == fields
        assert documented == ROWS.findall(page)[:fields]
        end = 0
        for offset, kind, _ in documented:
            assert int(offset) == end
            end += size_of(kind)
        assert end == size


def test_protocol_gives_each_message_its_kind_and_its_exact_layout() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| ([^|]*)\|", PAGE.split("### From the client")[1], re.MULTILINE)
    found = {name: (int(code), body) for code, name, body in rows}
    kinds = (*say.FROM_CLIENT, *say.FROM_SERVER)
    assert set(found) == {kind.__name__ for kind in kinds}
    for kind in kinds:
        code, body = found[kind.__name__]
        assert code == kind.CODE
        items = [item.strip() for item in re.sub(r"\(.*?\)|;.*", "", body).split(",") if item.strip()]
        names, size = [], 0
        for item in items:
            if item.startswith("pad "):
                size += int(item.removeprefix("pad "))
                continue
            form, name = item.rsplit(" ", 1)
            names.append(name)
            size += size_of(form)
        assert names == list(controlwire.field_names(kind)), kind
        assert size == kind.LAYOUT.size, kind


def test_protocol_names_the_limits_that_the_code_has() -> None:
    assert f"at most {wire.MAX_MESSAGE_BYTES:,} bytes" in PAGE
    assert f"at most {controlwire.MAX_MESSAGE_BYTES} bytes" in PAGE
    assert f"When {publishing.QUEUE_MESSAGES} messages" in PAGE
    assert f"a frame over {publishing.MAX_SUBSCRIPTION_BYTES} bytes" in PAGE
    assert f"({intake.MAX_AGE_MS:.0f} ms here)" in PAGE
    assert f"to {subscribing.RECONNECT_MS} ms" in PAGE
    assert f"{gate.MAX_CONNECTIONS}, of which {clients.MAX_CLIENTS} may say hello" in PAGE
    assert f"More than {clients.MAX_MESSAGES_PER_S} messages" in PAGE
    assert f"silent for {clients.LEAD_MS / 1000:.0f} s" in PAGE
    assert f"nothing for {clients.SILENCE_MS / 1000:.0f} s" in PAGE
    assert f"more than {clients.STALE_MS / 1000:.0f} s ago" in PAGE
    codes = {int(code) for code in re.findall(r"^\| (\d+) \| [a-z]", PAGE.split("| code | error |")[1], re.MULTILINE)}
    assert codes == set(controlling.ERRORS.values())
