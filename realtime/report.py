"""The report: what a live run came to, as a sentence for the performer and as plain figures for scripts. [any]"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from legando.realtime.exits import EXIT_OK
from legando.realtime.render import RenderFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class HostReport:
    """What a run came to. `stopped` is the exit status of what stopped it, 0 when it came to its end.

    `steps` says how many chunks were made with so many denoising steps, `real_time` the priority of each process.
    """

    seconds: float
    figures: RenderFigures
    engine: str
    latency_ms: dict[str, float]
    underruns: int
    concealed_frames: int
    xruns: int
    skipped_frames: int
    steps: dict[int, int]
    full_steps: int
    real_time: dict[str, int]
    engine_restarts: int
    player_restarts: int
    stopped: int

    def plain(self) -> dict[str, Any]:
        """Return all figures by name, as `--json` prints them."""
        return {
            "seconds": self.seconds,
            "chunks": sum(self.steps.values()),
            "slow_chunks": self.figures.slow_chunks,
            "chunk_ms": self.figures.chunk_ms,
            "compute_ms": self.figures.compute_ms(),
            "latency_ms": self.latency_ms,
            "engine": self.engine,
            "underruns": self.underruns,
            "concealed_frames": self.concealed_frames,
            "xruns": self.xruns,
            "skipped_frames": self.skipped_frames,
            "ladder": {str(steps): count for steps, count in self.steps.items()},
            "real_time": self.real_time,
            "engine_restarts": self.engine_restarts,
            "player_restarts": self.player_restarts,
            "interrupted": self.stopped != EXIT_OK,
        }

    def sentence(self) -> str:
        """Return the figures that count, on a line."""
        heard = faults(self.underruns, self.xruns) or "no drop-outs"
        if self.concealed_frames:
            heard += f", {1000 * self.concealed_frames / self.figures.sample_rate_hz:.0f} ms concealed"
        fewer = sum(count for steps, count in self.steps.items() if steps < self.full_steps)
        slow, engine, player = self.figures.slow_chunks, self.engine_restarts, self.player_restarts
        if more := _counted(
            (slow, "slow chunk"), (fewer, "simpler chunk"), (engine, "engine restart"), (player, "player restart")
        ):
            heard += f", {more}"
        return (
            f"played {self.seconds:.1f} s: {heard}; {made_in(self.figures)}; "
            f"control to sound {self.latency_ms['sum']:.0f} ms"
        )


def made_in(figures: RenderFigures) -> str:
    """Return what chunks cost, beside the time that they last. [any]"""
    compute = figures.compute_ms()
    return f"chunks of {figures.chunk_ms:g} ms made in {compute['p50']:.1f} ms (p99 {compute['p99']:.1f} ms)"


def faults(underruns: int, xruns: int, steps: int = 0, full_steps: int = 0) -> str:
    """Return what was heard as a gap, and the ladder's rung unless it is the first; nothing when all is well. [any]"""
    heard = _counted((underruns, "underrun"), (xruns, "xrun"))
    rung = f"{steps}/{full_steps} steps" if steps < full_steps and steps else ""
    return ", ".join(part for part in (heard, rung) if part)


def _counted(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{count} {name}{'s' * (count > 1)}" for count, name in counts if count)
