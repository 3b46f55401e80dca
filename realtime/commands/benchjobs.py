"""What `legando bench` can be asked to do, and which options belong to which of its jobs. [control]

An option of another job would be left out in silence, and the figures would be taken for what they are not.
"""

from __future__ import annotations

import argparse
from typing import Any

from legando.realtime.arguments import flag
from legando.realtime.errors import LegandoError

DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(("quick", "gate", "install", "cable", "write"), False),
    **dict.fromkeys(("kills", "jack_restarts", "flood"), 0),
    **{"seconds": 60.0, "hogs": 1, "times": 3, "block": 256, "clicks": 50},
}
"""What holds where an option is not given; None for all others."""

TRIALS = ("soak", "kills", "jack_restarts", "flood", "sweeps", "rollout")
_TOLD = ("json", "bundle")
_LIVE = ("block", *_TOLD)
_KILLS = ("kills", "jack_restarts", *_LIVE)
JOBS: dict[str, tuple[str, ...]] = {
    "SUITE": ("quick", "report", "against", "gate", "history", *_TOLD),
    "peers": ("install", "quick", "report", "against", "gate", "history", *_TOLD),
    "live": ("seconds", "lead", *_LIVE),
    "live --soak": ("soak", "hogs", "lead", *_LIVE),
    "live --kills": _KILLS,
    "live --jack-restarts": _KILLS,
    "live --flood": ("flood", *_LIVE),
    "live --sweeps": ("sweeps", *_LIVE),
    "live --rollout": ("rollout", "times", *_LIVE),
    "loopback": ("device", "clicks", "cable", "block", "json"),
    "record": ("bundle",),
    "figures": ("write",),
}


def settle(arguments: argparse.Namespace) -> None:
    """Put the defaults in; raises LegandoError for an option of another job, which it names. [control]"""
    given = [name for name, value in vars(arguments).items() if name not in ("command", "what") and value is not None]
    job = _job(arguments.what, given)
    for name in given:
        if name not in JOBS[job]:
            doing = f"bench {' '.join(arguments.what)}{job[4:] if job.startswith('live ') else ''}".strip()
            raise LegandoError(f"{flag(name)} is nothing to `legando {doing}`; it belongs to {_takers(name)}")
    for name, value in DEFAULTS.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _job(what: list[str], given: list[str]) -> str:
    """Return the job that is asked for; of several trials the first."""
    if what[:1] == ["record"]:
        return "record"
    if what == ["live"]:
        return next((f"live {flag(name)}" for name in TRIALS if name in given), "live")
    alone = what[0] if len(what) == 1 else ""
    return alone if alone in ("peers", "loopback", "figures") else "SUITE"


def _takers(name: str) -> str:
    """Say which jobs take an option: the suites stand for peers, too, and live for its trials."""
    takers = [job for job, options in JOBS.items() if name in options]
    if name in TRIALS or "live" in takers:
        takers = [*(job for job in takers if not job.startswith("live")), "live"]
    if "SUITE" in takers:
        takers.remove("peers")
    return " or ".join(f"`legando bench {job}`" for job in takers)
