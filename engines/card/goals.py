"""What a card is to reach, and whether a report shows it: of the first back end that was measured. [any]"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CHUNK_P99_MS = 3.0
FLOOR_RATIO = 4.0
LIVE_STREAMS = 32
LAUNCHES = 1.01
"""One a chunk; a hand that moves costs one more, and none moves while this is measured."""

CHUNK = "a chunk, controls to sound, p99 (meant for an H100)"
FLOOR = "a chunk on the device, of its memory floor"
LAUNCH = "launches a chunk"
STREAMS = "live streams on one card"
KERNELS = "kernels equal to their references"
_WANTED = {
    KERNELS: "all",
    CHUNK: f"{CHUNK_P99_MS:g} ms at most",
    FLOOR: f"{FLOOR_RATIO:g} times at most",
    LAUNCH: "1",
    STREAMS: f"{LIVE_STREAMS} at least",
}
Found = tuple[str, bool | None]
"""In words, and whether it is reached; None where it was not measured, or means nothing."""


def wanted(goal: str) -> str:
    """Return what is wanted of a goal, in words. [any]"""
    return _WANTED[goal]


def reached(report: Mapping[str, Any]) -> dict[str, Found]:
    """Return what a report says of each goal. The shim's times say nothing, its launches do. [any]"""
    kernels = report["kernels"]
    equal = sum(bool(row["equal"]) for row in kernels)
    found: dict[str, Found] = {KERNELS: (f"{equal} of {len(kernels)}", equal == len(kernels) > 0)}
    nothing: Found = ("not measured", None)
    found |= dict.fromkeys((CHUNK, FLOOR, LAUNCH, STREAMS), nothing)
    sections = {name: s["found"] for name, s in report["sections"].items() if "found" in s}
    backend = next((name.removesuffix(": rungs") for name in sections if name.endswith(": rungs")), None)
    if backend is None:
        return found
    whole = sections[f"{backend}: rungs"]["rungs"][0]  # the usual steps
    launches = whole["launches_per_chunk"]
    found[LAUNCH] = (f"{launches:g}, {backend}", launches <= LAUNCHES)
    if report["shim"]:
        return found
    p99 = whole["chunk_ms"]["p99"]
    found[CHUNK] = (f"{p99:.2f} ms, {backend}", p99 <= CHUNK_P99_MS)
    ratio = sections.get(f"{backend}: parts", {}).get("floor", {}).get("ratio_passes")
    if ratio is not None:
        found[FLOOR] = (f"{ratio:.2f} times, {backend}", ratio <= FLOOR_RATIO)
    streams = sections.get(f"{backend}: streams", {}).get("live_streams")
    if streams is not None:
        found[STREAMS] = (f"{streams}, {backend}", streams >= LIVE_STREAMS)
    return found
