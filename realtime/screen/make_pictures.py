"""Write the pictures of the screen that the README shows: a real show on a dummy sound server, drawn as SVG. [control]

python -m legando.realtime.screen.make_pictures        # 20 s; needs jackd2 and textual
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from legando.realtime.errors import LegandoError
from legando.realtime.host import Host
from legando.realtime.instrument import SHIPPED
from legando.realtime.midi.livemessage import LiveMessage
from legando.realtime.performing.ownevent import control_event
from legando.realtime.playing.devices import JACK_API, quiet_stderr
from legando.realtime.rigs.rig import AudioRig, MidiRig, PerformanceRig, Rig, read_rig
from legando.realtime.screen.display import Display
from legando.realtime.screen.meter import Levels
from legando.realtime.screen.screenapp import ScreenApp
from legando.realtime.screen.status import Status
from legando.realtime.show import Show
from legando.realtime.trials.jack_server import JackServer

FOLDER = Path(__file__).with_name("pictures")
PORT = "keys and knobs"
SECONDS = 14.0
EVERY_S = 0.08
PICTURES = (("screen_80x24_dark.svg", (80, 24), "dark"), ("screen_160x50_light.svg", (160, 50), "light"))
KEYS = ((5.0, "scene.5", 1.0), (9.0, "mute.lead", 1.0), (10.0, "brightness", 0.65), (10.0, "filter", 0.2))
HANDS = tuple((8.0 + 0.1 * n, [0xB0, 71, 60 + n]) for n in range(40))


class Watcher(Display):
    """A display that keeps what it is told, and moves controls at their times, as a performer would."""

    def __init__(self, out: Any) -> None:
        super().__init__(quiet=True)
        self._out = out
        self._began_s = self._kept_s = 0.0
        self._keys, self._hands = list(KEYS), list(HANDS)
        self.statuses: list[Status] = []
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep a sentence."""
        self.said.append(text)

    def take(self) -> Iterator[LiveMessage]:
        """Yield the keys whose time has come."""
        while self._keys and self._gone_s() >= self._keys[0][0]:
            _, name, value = self._keys.pop(0)
            yield LiveMessage(time.perf_counter_ns(), control_event(name, value))

    def show_live(self, levels: Levels, tell: Callable[[], Status]) -> None:
        """Keep a status, and turn the knob."""
        self._began_s = self._began_s or time.monotonic()
        while self._hands and self._gone_s() >= self._hands[0][0]:
            self._out.send_message(self._hands.pop(0)[1])
        if time.monotonic() - self._kept_s >= EVERY_S:
            self._kept_s = time.monotonic()
            self.statuses.append(tell())
        self.stop_wanted = self._gone_s() > SECONDS

    def _gone_s(self) -> float:
        return time.monotonic() - self._began_s if self._began_s else 0.0


def watch(instrument: str) -> Watcher:
    """Play a show on a dummy sound server, and return what a screen was told. Raises LegandoError."""
    import rtmidi

    with JackServer() as server:
        os.environ.update(server.environment)
        with quiet_stderr():
            out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="stage")
            out.open_virtual_port(PORT)
        rig: Rig = replace(
            read_rig(),
            audio=AudioRig(device="system", host_api=JACK_API),
            midi=MidiRig(inputs=(PORT,), api="jack"),
            performance=PerformanceRig(),
        )
        watcher = Watcher(out)
        try:
            Host(Show(rig=rig, bundle=None, piece=None, seconds=None), instrument=instrument, display=watcher).run()
        finally:
            with quiet_stderr():
                out.delete()
    if not watcher.statuses:
        raise LegandoError("the show told nothing; does legando play work on this machine?")
    return watcher


async def picture(watcher: Watcher, size: tuple[int, int], theme: str) -> str:
    """Return the last moment of what was watched as SVG, at a size in cells."""
    app = ScreenApp(
        on_moves=lambda _: None, on_prompt=lambda _: None, on_record=lambda: None, on_stop=lambda: None, theme=theme
    )
    async with app.run_test(size=size) as pilot:
        await pilot.press("down")
        app.say(watcher.said)
        for status in watcher.statuses[-3:]:
            app.show(status)
        await pilot.pause()
        svg = app.export_screenshot(title="legando play")
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # no font from the network: any monospace will do
    return svg.replace("Fira Code, monospace", "monospace").replace("Fira Code", "monospace")


def main() -> int:
    """Write the pictures. [control]"""
    parser = argparse.ArgumentParser(description="Write the pictures of the screen.")
    parser.add_argument("--out", type=Path, default=FOLDER)
    parser.add_argument("--instrument", default=SHIPPED)
    arguments = parser.parse_args()
    watcher = watch(arguments.instrument)
    for name, size, theme in PICTURES:
        (arguments.out / name).write_text(asyncio.run(picture(watcher, size, theme)), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
