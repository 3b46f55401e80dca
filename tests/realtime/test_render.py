"""Rendering to a file: latency taken off, level applied, exact lengths; and the engine's own small parts."""

import io
import json
import threading
from multiprocessing import Pipe

import numpy as np
import pytest
from numpy.typing import NDArray

from legando.realtime.controls import STYLE_DIM, Controls, NoteEvent
from legando.realtime.crossfade import FADE_IN_FRAMES, fade_in
from legando.realtime.engine import ControlSource
from legando.realtime.performing.performance import Performance
from legando.realtime.performing.scenelist import StyledScene
from legando.realtime.render import RenderFigures, apply_level, render
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Binding, Scene
from legando.realtime.screen.display import Display
from legando.realtime.screen.meter import measure
from legando.realtime.screen.status import Status
from legando.realtime.snapshot import controls_to_plain
from tests.realtime.tone_generator import ToneChunk, ToneGenerator

STYLE = (0.1,) * STYLE_DIM
SCENE = StyledScene(scene=Scene(name="a", prompts=(Prompt(text="a"),)), style=STYLE, usual_tempo_bpm=100.0)


class DelayedGenerator(ToneGenerator):
    """Puts a single 1 at the frame of each note, 480 frames late, as an engine with that latency would."""

    def __init__(self, chunk_latents: int) -> None:
        super().__init__(0, chunk_latents)
        self.latency_frames = 480
        self._rest: NDArray[np.float32] = np.zeros(480, np.float32)

    def step(self, controls: Controls) -> ToneChunk:
        chunk = super().step(controls)
        impulses = np.zeros(self.chunk_frames, np.float32)
        for note in controls.notes:
            impulses[note.offset_frames] = 1.0
        late = np.concatenate((self._rest, impulses))
        self._rest = late[self.chunk_frames :]
        chunk.frames[:] = late[: self.chunk_frames, None]
        return chunk


@pytest.mark.parametrize("chunk_latents", [2, 4])
def test_a_note_of_the_file_starts_at_its_frame_of_the_render(chunk_latents: int) -> None:
    performance = Performance([SCENE])
    frames = [0, 100, 5000, 9999]
    for frame in frames:
        performance.feed(frame, bytes((0x90, 60, 100)))
    blocks: list[NDArray[np.float32]] = []
    figures = render(DelayedGenerator(chunk_latents), performance, 10_000, lambda block: blocks.append(block.copy()))
    sound = np.concatenate(blocks)
    assert len(sound) == figures.frames == 10_000
    assert np.flatnonzero(sound[:, 0]).tolist() == frames


def test_the_level_moves_without_a_jump_and_leaves_full_level_untouched() -> None:
    ones = np.ones((960, 2), np.float32)
    assert apply_level(ones, 1.0, 1.0) is ones
    faded = np.concatenate((apply_level(ones, 1.0, 0.25), apply_level(ones, 0.25, 0.25)))
    assert np.abs(np.diff(faded[:, 0], prepend=1.0)).max() < 0.001
    assert faded[-1, 0] == 0.25


def test_the_first_20_ms_fade_in_however_they_are_cut() -> None:
    ones = np.ones((1920, 2), np.float32)
    whole = fade_in(ones, 0)[:, 0]
    assert 0.0 < whole[0] < 0.001 and np.abs(np.diff(whole)).max() < 0.02 and (whole[FADE_IN_FRAMES:] == 1.0).all()
    pieces = [fade_in(ones[start : start + 100], start) for start in range(0, 1920, 100)]
    np.testing.assert_array_equal(np.concatenate(pieces)[:, 0], whole)


def test_a_level_knob_in_a_file_is_heard_in_the_render() -> None:
    performance = Performance([SCENE], [Binding(control="level", cc=7)])
    performance.feed(48_000, bytes((0xB0, 7, 0)))
    blocks: list[NDArray[np.float32]] = []
    render(ToneGenerator(0, 4), performance, 96_000, lambda block: blocks.append(block.copy()))
    sound = np.concatenate(blocks)
    assert np.abs(sound[:40_000]).max() > 0.05 and np.abs(sound[60_000:]).max() == 0.0


def test_figures_are_nearest_rank_percentiles_of_chunk_costs() -> None:
    figures = RenderFigures(48_000, 3840, frames=384_000, costs_ns=[n * 1_000_000 for n in range(1, 101)])
    assert figures.compute_ms() == {"p50": 50.0, "p99": 99.0, "max": 100.0}
    assert figures.rtf == pytest.approx(5.050 / 8.0)


def snapshot(pitch: int) -> dict[str, object]:
    note = NoteEvent(offset_frames=7, pitch=pitch, velocity=0.5)
    return controls_to_plain(Controls(style=STYLE, notes=(note,)))


def test_an_answer_that_comes_late_costs_no_note() -> None:
    host, engine = Pipe()
    source = ControlSource(engine, timeout_s=0.05)

    def answer(position: int, pitch: int) -> None:
        host.send_bytes(json.dumps({"position": position, "controls": snapshot(pitch)}).encode())

    answer(0, 60)
    first = source.controls_at(0)
    assert first is not None and [n.pitch for n in first.notes] == [60]
    missed = source.controls_at(3840)  # nobody answers: the last snapshot holds, its notes are not played twice
    assert missed is not None and missed.notes == ()
    answer(3840, 61)
    answer(7680, 62)
    caught_up = source.controls_at(7680)
    assert caught_up is not None and [(n.pitch, n.offset_frames) for n in caught_up.notes] == [(61, 0), (62, 7)]
    host.send_bytes(b'{"stop": true}')
    assert source.controls_at(11520) is None
    host.close()
    engine.close()


def test_the_first_snapshot_is_waited_for() -> None:
    host, engine = Pipe()
    late = json.dumps({"position": 0, "controls": snapshot(64)}).encode()
    timer = threading.Timer(0.2, host.send_bytes, (late,))
    timer.start()
    controls = ControlSource(engine, timeout_s=0.01).controls_at(0)
    timer.join()
    assert controls is not None and controls.notes[0].pitch == 64
    host.close()
    engine.close()


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_drawn_over_itself_and_a_log_hardly_any(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = 0
    monkeypatch.setattr("legando.realtime.screen.display.time.perf_counter_ns", lambda: now_ns)
    levels = measure(np.full((960, 2), 0.5, np.float32))
    terminal, log = Terminal(), io.StringIO()
    displays = [Display(terminal), Display(log)]
    for step in range(200):  # 20 s
        now_ns = step * 100_000_000
        status = Status(
            time_ns=0,
            scenes=("dawn",),
            scene=0,
            tick=0.0,
            chord="Cmin7",
            tempo_bpm=84.0,
            played_s=step / 10,
            total_s=30.0,
        )
        for display in displays:
            display.show_live(levels, lambda status=status: status)  # type: ignore[misc]
    for display in displays:
        display.end()
    drawn = terminal.getvalue()
    assert drawn.count("\r") > 150 and "\n" not in drawn and "0:11 left  dawn  Cmin7    84.0 bpm  L▐" in drawn
    assert drawn.endswith("\r\x1b[K"), "the line is taken away at its end"
    assert log.getvalue().count("\n") == 1 and "\r" not in log.getvalue()
