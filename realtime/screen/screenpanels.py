"""The panels of the screen: each turns a part of a status into lines. [any]

Pure; every line fits the width that is asked for. A figure that is wrong is told in words as well as in colour.
"""

from __future__ import annotations

from collections.abc import Mapping

from legando.realtime.controls import PARTS
from legando.realtime.midi.miditext import describe
from legando.realtime.rigs.controlnames import LOOP, find_control, loop_of
from legando.realtime.screen.meter import FLOOR_DB, MeterState
from legando.realtime.screen.screenkeys import PART_KEYS, SCENE_KEYS
from legando.realtime.screen.screenline import (
    BLANK,
    Line,
    Run,
    bar,
    centred_bar,
    fit,
    marked,
    shorten,
    spread,
    stacked,
    width_of,
)
from legando.realtime.screen.status import GOAL_MS, KNOBS, Status

_WARN_DB, _HOT_DB = -9.0, -3.0
_SCALE_DB = (-60, -48, -36, -24, -12, -6, -3, 0)
_LABELS = {"chunk": "wait", "tempo_bpm": "tempo"}
_KNOWN = ("chunk", "compute", "margin", "lead", "codec", "device")
_BEATS, _TICKS_PER_BEAT = 4, 4


def meters(state: MeterState, width: int, *, thick: bool) -> list[Line]:
    """Return a line (two if `thick`) for each channel, and the scale below them."""
    names = ("L", "R") if len(state.peak_db) == 2 else tuple(str(n + 1) for n in range(len(state.peak_db)))
    long = max(4, width - 12)
    lines: list[Line] = []
    for name, peak, held in zip(names, state.peak_db, state.held_db, strict=True):
        cells = _level(peak, held, long, "▆")
        figure = f"{held:6.1f} dB" if held > FLOOR_DB else "    -∞ dB"
        if thick:
            lines.append(fit((Run("  "), *_level(peak, held, long, "█")), width))
        lines.append(fit((Run(f"{name} ", "strong"), *cells, Run(figure, "text")), width))
    row = [" "] * long
    for db in _SCALE_DB:
        at = round((1.0 - db / FLOOR_DB) * (long - 1))
        text = str(db)
        start = min(max(0, at - len(text) + 1), long - len(text))
        if all(cell == " " for cell in row[max(0, start - 1) : start + len(text) + 1]):
            row[start : start + len(text)] = text
    clip = Run(" CLIP (z) ", "alarm") if state.clipped else Run("  no clip", "dim")
    lines.append(fit((Run("  "), Run("".join(row), "dim"), clip), width))
    return lines


def _level(peak_db: float, held_db: float, width: int, lit: str) -> list[Run]:
    """Return a meter's cells: green, from -9 dBFS amber, from -3 red, with the held mark."""
    filled = round(_share(peak_db) * width)
    mark = min(width - 1, round(_share(held_db) * width)) if held_db > max(peak_db, FLOOR_DB) else -1
    ends = [round(_share(db) * width) for db in (_WARN_DB, _HOT_DB, 0.0)]
    runs: list[Run] = []
    start = 0
    for end, role in zip(ends, ("good", "warn", "bad"), strict=True):
        runs.append(Run(lit * (min(filled, end) - start), role))
        rest = "·" * (end - max(start, filled))
        at = mark - max(start, filled)
        runs += (
            [Run(rest[:at], "track"), Run("┃", role), Run(rest[at + 1 :], "track")]
            if 0 <= at < len(rest)
            else [Run(rest, "track")]
        )
        start = end
    return [run for run in runs if run.text]


def _share(db: float) -> float:
    """Return where a level lies on a meter, 0 to 1."""
    return min(1.0, max(0.0, 1.0 - db / FLOOR_DB))


def music(status: Status, now_ns: int, width: int) -> list[Line]:
    """Return bar and beat with its lamps, chord, section, loop, tempo and key on a line."""
    tick = status.tick_at(now_ns)
    beat = int(tick // _TICKS_PER_BEAT) % _BEATS
    lamps = [Run("● " if place == beat else "○ ", "lamp" if place == beat else "dim") for place in range(_BEATS)]
    bar_number = int(tick // (_BEATS * _TICKS_PER_BEAT)) + 1
    runs = [
        Run(f"{bar_number:>3}:{beat + 1} ", "strong"),
        *lamps,
        Run("  "),
        Run(f"{status.chord or '-':7}", "strong"),
        Run(" "),
        Run(f"{status.tempo_bpm:5.1f}", "strong"),
        Run(" bpm", "dim"),
    ]
    section = f"{status.section or '-'}{' (held)' if status.section_held else ''}"
    more = [Run("   section ", "dim"), Run(f"{section:12}", "strong")]
    key = [Run("  key ", "dim"), Run(status.key or "free", "strong")]
    bars = loop_of(status.values.get(LOOP, 0.0))
    loop = [Run("  loop ", "dim"), Run(f"{bars} bar{'s' * (bars > 1)}", "chosen")] if bars else []
    for extra in (more, loop, key):
        if width_of(runs) + width_of(extra) <= width:
            runs += extra
    return [fit(runs, width)]


def scenes(status: Status, width: int, rows: int) -> list[Line]:
    """Return the scenes with their keys; where they do not all fit, those around the one that plays."""
    lines: list[Line] = [fit((Run("Scenes", "head"), Run("  keys 1-0 [ ]", "dim")), width)]
    room = max(1, rows - 1)
    first = min(max(0, status.scene - room // 2), max(0, len(status.scenes) - room))
    for index, name in enumerate(status.scenes[first : first + room], first):
        key = SCENE_KEYS[index] if index < len(SCENE_KEYS) else " "
        playing, next_one = index == status.scene, name == status.coming
        mark = "▶" if playing else ("▸" if next_one else " ")
        tail = "  next" if next_one and not playing else ""
        text = shorten(name, width - 5 - len(tail))
        role = "chosen" if playing else "text"
        lines.append(fit((Run(f"{mark} ", role), Run(f"{key}  ", role), Run(text + tail, role)), width, role))
    return lines[:rows]


def bars(
    status: Status,
    values: Mapping[str, float],
    chosen: int,
    width: int,
    rows: int,
    step: int,
    *,
    title: bool = True,
) -> list[Line]:
    """Return the controls as bars, the chosen one marked; `step` 2 leaves a blank line between them."""
    lines: list[Line] = [fit((Run("Controls", "head"), Run("  ↑↓ choose  ←→ move", "dim")), width)] if title else []
    room = max(0, (rows - len(lines) + step - 1) // step)
    first = min(max(0, chosen - room // 2), max(0, len(KNOBS) - room))
    long = max(3, width - 22)
    for index, name in enumerate(KNOBS[first : first + room], first):
        control = find_control(name)
        value = values.get(name, status.values.get(name, control.low))
        share = (value - control.low) / (control.high - control.low)
        here = index == chosen
        drawn = (centred_bar if control.low < 0 else bar)(share, long, "strong" if here else "knob")
        figure = f"{value:7.1f}" if name == "tempo_bpm" else f"{value:7.2f}"
        label = Run(f"{'▶' if here else ' '} {_LABELS.get(name, name):12}", "chosen" if here else "text")
        lines.append(fit((label, *drawn, Run(f"{figure} ", "strong" if here else "text")), width))
        if step == 2:
            lines.append(BLANK)
    return lines[:rows]


def parts(values: Mapping[str, float], width: int) -> Line:
    """Return the parts that play and those that are muted, with their keys, and what is immediate."""
    runs: list[Run] = [Run("Parts  ", "head")] if width >= 78 else []
    for part in sorted(PARTS, key=list(PART_KEYS).index):
        muted = values.get(f"mute.{part}", 0.0) >= 0.5
        if width < 60:
            runs.append(Run(f"{' no ' if muted else ' '}{part[:4]} ", "alarm" if muted else "text"))
            continue
        state = f"{PART_KEYS[part]} {part} off" if muted else f"{PART_KEYS[part]} {part}"
        runs += [Run(f" {state} ", "alarm" if muted else "text"), Run(" ")]
    for key, name in (("m", "mute"), ("f", "freeze")):
        on = values.get(name, 0.0) >= 0.5
        more = Run(f" {key} {name} {'on' if on else 'off'} ", "alarm" if on else "dim")
        if width_of(runs) + len(more.text) + (2 if key == "m" else 1) <= width:
            runs += [Run(" "), more]
    return fit(runs, width)


def budget(status: Status, width: int, *, roomy: bool) -> list[Line]:
    """Return the latency as a stacked bar against the goal, and its parts in figures below."""
    total = status.latency_sum_ms
    known = [(name, value) for name, value in status.latency_ms.items() if value > 0]
    over = total > GOAL_MS
    verdict = f" {total:.0f} of {GOAL_MS:.0f} ms" + (" OVER" if over else "")
    head = "Latency "
    long = max(8, width - len(head) - len(verdict))
    scale = max(GOAL_MS, total) * 1.04
    cells, used = stacked(known, scale, long)
    runs = [_part(name, status.latency_ms[name], count) for name, count in cells if count]
    goal = min(long - 1, round(long * GOAL_MS / scale))
    runs = marked([*runs, Run("·" * (long - used), "track")], goal)
    line = fit((Run(head, "head"), *runs, Run(verdict, "bad" if over else "good")), width)
    blank = fit((Run(" " * len(head)), *(run._replace(text=" " * len(run.text)) for run in runs)), width)
    names = [
        (f"part.{name}" if name in _KNOWN else "part.other", f" {_LABELS.get(name, name)} {value:.0f}")
        for name, value in known
    ]
    tight = len(head) + sum(len(text) + 3 for _, text in names) > width
    legend: list[Run] = [Run(" " * len(head))]
    for role, text in names:
        more = [Run(" ", role), Run(text + (" " if tight else "  "), "dim")]
        if width_of(legend) + width_of(more) <= width:
            legend += more
    return [*([blank] if roomy else []), line, fit(legend, width)]


def _part(name: str, value: float, cells: int) -> Run:
    """Return one part of the bar, named where it has room for that."""
    label = _LABELS.get(name, name)
    full = f" {label} {value:.0f}"
    text = full if len(full) < cells else f" {label}" if len(label) + 1 < cells else f" {label[0]}"[: cells - 1]
    return Run(f"{text:{cells}}", f"part.{name}" if name in _KNOWN else "part.other")


def health(status: Status, width: int) -> Line:
    """Return slack, the rung of the ladder, and what went wrong so far."""
    short = width < 70
    slack = status.slack_ms
    role = "good" if slack > 0.2 * status.chunk_ms else ("warn" if slack > 0 else "bad")
    runs = [Run("Slack ", "head"), Run(f"{slack:.0f}", role)]
    runs.append(Run(f"/{status.chunk_ms:.0f} ms" if short else f" of {status.chunk_ms:.0f} ms", "dim"))
    full = status.steps >= status.full_steps
    runs += [Run("  steps " if short else "   steps ", "dim")]
    runs.append(Run(f"{status.steps}/{status.full_steps}{'' if full else ' fewer'}", "good" if full else "warn"))
    if status.eco:
        runs += [Run("  ", "dim"), Run("eco", "good")]
    faults = [
        ("xruns", status.xruns, f"{status.xruns}"),
        ("underruns", status.underruns, f"{status.underruns}"),
        ("concealed", status.concealed_ms, f"{status.concealed_ms:.0f} ms"),
        ("restarts", status.engine_restarts + status.player_restarts, ""),
    ]
    for name, count, text in faults:
        if name == "restarts" and not count:
            continue
        text = text or f"{status.engine_restarts} engine, {status.player_restarts} player"
        more = [Run(f"{' ' if short else '   '}{name} ", "dim"), Run(text, "bad" if count else "good")]
        if width_of(runs) + width_of(more) <= width:
            runs += more
    return fit(runs, width)


def model(status: Status, width: int) -> Line:
    """Return what plays, and where."""
    then = "" if status.coming_seed is None else f" → {status.coming_seed}"
    words = [f"bundle {status.bundle}", status.engine, f"seed {status.seed}{then}", status.device]
    text = " · ".join(word for word in words if word)
    return fit((Run("Model  ", "head"), Run(shorten(text, width - 7), "text")), width)


def midi(status: Status, width: int, *, lit: bool) -> Line:
    """Return the ports, a lamp that is lit by messages, and the last of them."""
    if not status.midi_ports:
        return fit((Run("MIDI   ", "head"), Run("○ no port is open", "dim")), width)
    ports = ", ".join(status.midi_ports)
    last = describe(bytes.fromhex(status.midi), status.bound) if status.midi else "nothing yet"
    room = max(8, width - 9 - width_of((Run(last),)) - 2)
    runs = [Run("MIDI   ", "head"), Run("● " if lit else "○ ", "lamp" if lit else "dim"), Run(f"{last}  ", "text")]
    return spread(runs, (Run(shorten(ports, room), "dim"),), width)
