"""What the bridge's pages say is what the code does."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from legando.bridge import publisher as publishing
from legando.bridge import subscriber as subscribing
from legando.bridge import wire
from legando.bridge.publisher import Publisher

BRIDGE = Path(__file__).parents[2] / "bridge"


def test_the_readme_program_prints_levels(publisher: Publisher, broadcast: Callable[..., Any]) -> None:
    found = re.search(r"```python\n(.*?)```", (BRIDGE / "README.md").read_text(), re.DOTALL)
    assert found is not None
    broadcast(publisher)
    with subprocess.Popen(
        [sys.executable, "-u", "-c", found[1], publisher.endpoint], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _ in range(5)]
        program.kill()
    assert all(re.fullmatch(r" *\d+ +-?\d+\.\d dB +\d+\.\d\d ms\n", line) for line in lines), lines


def test_protocol_and_wire_have_the_same_table() -> None:
    rows = r"^\| *(\d+) \| *([^|]*?) *\| *(\w+) *\|"
    assert wire.__doc__ is not None
    documented = re.findall(rows, wire.__doc__, re.MULTILINE)
    assert len(documented) == 16
    assert documented == re.findall(rows, (BRIDGE / "PROTOCOL.md").read_text(), re.MULTILINE)
    sizes = {"u8": 1, "u32": 4, "u64": 8, "": 0}
    end = 0
    for offset, kind, _ in documented:
        assert int(offset) == end
        end += sizes[kind] if kind in sizes else int(kind.removesuffix(" B"))
    assert end == wire.HEADER_BYTES


def test_protocol_names_the_limits_that_the_code_has() -> None:
    page = (BRIDGE / "PROTOCOL.md").read_text()
    assert f"at most {wire.MAX_MESSAGE_BYTES:,} bytes" in page
    assert f"When {publishing.QUEUE_MESSAGES} messages" in page
    assert f"a frame over {publishing.MAX_SUBSCRIPTION_BYTES} bytes" in page
    assert f"({subscribing.MAX_AGE_MS:.0f} ms here)" in page
    assert f"to {subscribing.RECONNECT_MS} ms" in page
