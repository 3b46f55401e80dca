"""A screen for tests: what it is told, as text, and the app driven without a terminal."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from textual.pilot import Pilot

from legando.realtime.screen.meter import MeterState
from legando.realtime.screen.screenapp import Canvas, ScreenApp
from legando.realtime.screen.screenline import plain
from legando.realtime.screen.screenview import View, draw
from legando.realtime.screen.status import SHOWN, Status

VALUES = dict.fromkeys(SHOWN, 0.0) | {"density": 0.62, "tempo_bpm": 124.0, "level": 1.0, "guidance": 1.0}
STATUS = Status(
    time_ns=0,
    scenes=("dawn", "night drive", "mirror ball", "夜の雨 four on the corner, and much more to say"),
    scene=1,
    coming="mirror ball",
    tempo_bpm=124.0,
    tick=16 * 16 + 9.0,
    chord="Cmin7",
    section="full",
    key="C minor",
    played_s=92.0,
    peak_db=(-12.0, -3.5),
    values=VALUES | {"mute.bass": 1.0},
    latency_ms={"chunk": 80.0, "compute": 23.0, "margin": 5.0, "lead": 15.0, "codec": 10.0, "device": 5.3},
    slack_ms=52.0,
    chunk_ms=80.0,
    steps=3,
    full_steps=4,
    underruns=2,
    midi_ports=("Launchkey MIDI 1",),
    midi="b04a5d",
    midi_count=7,
    bound={"cc 74": "brightness"},
    bundle="default",
    engine="onnxruntime",
    seed=7,
    recorded_s=92.0,
)
METER = MeterState(peak_db=(-12.0, -3.5), rms_db=(-12.0, -3.5), held_db=(-7.0, -2.1), held_ns=(0, 0), clipped=True)


def text(width: int, height: int, **changes: Any) -> str:
    view = View(status=STATUS, meter=METER, values=STATUS.values, said=("all is well",), midi_lit=True)
    return "\n".join(plain(line) for line in draw(replace(view, **changes), width, height))


def drive(
    steps: Callable[[ScreenApp, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (80, 24),
    clock: Callable[[], int] = time.perf_counter_ns,
) -> list[Any]:
    """Run the app without a terminal, and return what it has told its host."""
    told: list[Any] = []
    app = ScreenApp(
        on_moves=told.extend,
        on_prompt=told.append,
        on_record=lambda: told.append("record"),
        on_stop=lambda: told.append("stop"),
        clock=clock,
    )

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await steps(app, pilot)

    asyncio.run(run())
    return told


def lines_of(app: ScreenApp) -> str:
    canvas = app.query_one(Canvas)
    return "\n".join(canvas.render_line(row).text for row in range(app.size.height))
