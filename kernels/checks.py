"""Each kernel against its reference, on any device: what `legando gpu check` and the tests run. [control]

A check plays a short scene through launcher and reference and counts the numbers that differ. Most kernels must agree
to the bit. Where logarithm, sine or erf take part, a number may differ in its last bit, but hardly ever: see `RARE`.
"""

from __future__ import annotations

from collections.abc import Callable

from legando.kernels.checks_model import check_conditioning, check_history, check_ticks, check_tokens
from legando.kernels.checks_sound import check_drive, check_halves, check_noise, check_room, check_sampler, check_seam
from legando.kernels.device import Device
from legando.kernels.outcome import RARE as RARE
from legando.kernels.outcome import Outcome as Outcome

CHECKS: dict[str, Callable[[Device, int], Outcome]] = {
    "noise": check_noise,
    "halves": check_halves,
    "sampler": check_sampler,
    "history": check_history,
    "conditioning": check_conditioning,
    "tokens": check_tokens,
    "ticks": check_ticks,
    "drive": check_drive,
    "room": check_room,
    "seam": check_seam,
}
