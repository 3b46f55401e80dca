"""Opinion: what journals say of what was liked, by scene, prompts and bundle; two bundles compared. [any]"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from legando.realtime.watching.intervals import difference, wilson
from legando.realtime.watching.moments import Heard, Moments, Played

TOLD_DEVIATIONS = 0.5
"""A control is told of in words when it stood so far from usual in liked moments, and the liked are at least these:"""
TOLD_LIKES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Marks of one kind of thing; `low` to `high` is the interval of the share that was liked."""

    minutes: float
    likes: int
    dislikes: int

    @property
    def marks(self) -> int:
        """All marks."""
        return self.likes + self.dislikes

    @property
    def share(self) -> float | None:
        """The share of marks that were likes, None without any."""
        return self.likes / self.marks if self.marks else None

    def plain(self) -> dict[str, Any]:
        """Return the tally for JSON."""
        low, high = wilson(self.likes, self.marks)
        return {
            "minutes": round(self.minutes, 3),
            "likes": self.likes,
            "dislikes": self.dislikes,
            "liked_share": self.share,
            "interval": [low, high] if self.marks else None,
        }

    def sentence(self) -> str:
        """Return the tally as a phrase."""
        text = f"{self.minutes:.1f} min, {self.likes} liked, {self.dislikes} not"
        if self.share is None:
            return text
        low, high = wilson(self.likes, self.marks)
        return f"{text}: {self.share:.0%} ({low:.0%} to {high:.0%})"


def tally(played: Iterable[Played]) -> Tally:
    """Return the marks of several stretches together. [any]"""
    parts = list(played)
    return Tally(
        minutes=sum(part.seconds for part in parts) / 60.0,
        likes=sum(part.count("like") for part in parts),
        dislikes=sum(part.count("dislike") for part in parts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Two bundles: the difference of their shares (`other` less `one`), its interval, and what follows."""

    one: str
    other: str
    low: float
    high: float
    difference: float | None

    @property
    def outcome(self) -> str:
        """`better`, `worse` or `undecided`: whether the interval leaves 0 out."""
        if self.difference is None:
            return "undecided"
        return "better" if self.low > 0.0 else "worse" if self.high < 0.0 else "undecided"

    def sentence(self) -> str:
        """Return the verdict as a sentence."""
        if self.difference is None:
            return f"{self.other} against {self.one}: one of them has no marks; nothing can be said"
        told = f"{100 * self.difference:+.0f} points ({100 * self.low:+.0f} to {100 * self.high:+.0f})"
        advice = {
            "better": f"{self.other} is liked more",
            "worse": f"{self.other} is liked less",
            "undecided": "not decided; more marks are needed, or there is no difference that matters",
        }[self.outcome]
        return f"{self.other} against {self.one}: {told}; {advice}"


@dataclass(slots=True)
class Opinion:
    """What several journals say together."""

    heard: dict[Heard, Played] = field(default_factory=dict)
    journals: int = 0

    def add(self, moments: Moments) -> None:
        """Take in one journal."""
        self.journals += 1
        for heard, played in moments.played().items():
            self.heard.setdefault(heard, Played()).merge(played)

    def bundles(self) -> dict[tuple[str, str], Tally]:
        """Return the marks by bundle."""
        keys = dict.fromkeys((heard.bundle, heard.bundle_sha256) for heard in self.heard)
        return {key: tally(p for h, p in self.heard.items() if (h.bundle, h.bundle_sha256) == key) for key in keys}

    def verdicts(self) -> list[Verdict]:
        """Compare each bundle with the one that was heard first."""
        (first, base), *others = self.bundles().items()
        found = []
        for key, other in others:
            low, high = difference(other.likes, other.marks, base.likes, base.marks)
            known = other.share is not None and base.share is not None
            between = (other.share or 0.0) - (base.share or 0.0) if known else None
            found.append(Verdict(one=_name(first), other=_name(key), low=low, high=high, difference=between))
        return found

    def controls(self, kind: str = "like") -> dict[str, dict[str, float]]:
        """Return where each control stood in marked moments against all: means, and how many deviations apart."""
        marked = [mark.controls for played in self.heard.values() for mark in played.marks if mark.kind == kind]
        chunks = sum(played.chunks for played in self.heard.values())
        if not marked or not chunks:
            return {}
        found: dict[str, dict[str, float]] = {}
        for name in marked[0]:
            mean = sum(played.sums.get(name, 0.0) for played in self.heard.values()) / chunks
            square = sum(played.squares.get(name, 0.0) for played in self.heard.values()) / chunks
            deviation = math.sqrt(max(0.0, square - mean * mean))
            there = sum(controls[name] for controls in marked) / len(marked)
            apart = (there - mean) / deviation if deviation > 1e-6 else 0.0
            found[name] = {"marked": there, "all": mean, "deviations": apart}
        return found

    def plain(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "journals": self.journals,
            "heard": [
                {
                    "scene": heard.scene,
                    "prompts": heard.prompts,
                    "bundle": heard.bundle,
                    "bundle_sha256": heard.bundle_sha256,
                    **tally([played]).plain(),
                }
                for heard, played in self.heard.items()
            ],
            "bundles": [
                {"bundle": name, "bundle_sha256": sha256, **one.plain()}
                for (name, sha256), one in self.bundles().items()
            ],
            "comparisons": [
                {
                    "bundle": verdict.other,
                    "against": verdict.one,
                    "difference": verdict.difference,
                    "interval": [verdict.low, verdict.high] if verdict.difference is not None else None,
                    "outcome": verdict.outcome,
                }
                for verdict in self.verdicts()
            ],
            "controls": {kind: self.controls(kind) for kind in ("like", "dislike")},
        }

    def lines(self) -> list[str]:
        """Return all of it in words, a line each."""
        told = []
        for heard, played in self.heard.items():
            told.append(f"{heard.scene}: {tally([played]).sentence()}")
            told.append(f"    {heard.prompts or '(prompts not said)'}; {_name((heard.bundle, heard.bundle_sha256))}")
        for key, one in self.bundles().items():
            told.append(f"bundle {_name(key)}: {one.sentence()}")
        told += [verdict.sentence() for verdict in self.verdicts()]
        told += _words(self.controls(), sum(played.count("like") for played in self.heard.values()))
        if not any(played.marks for played in self.heard.values()):
            told.append(
                "nothing was marked: + likes what is heard, - does not, on the screen; or bind like and dislike"
            )
        return told


def _words(controls: Mapping[str, Mapping[str, float]], likes: int) -> list[str]:
    if likes < TOLD_LIKES:
        return []
    far = [(name, about) for name, about in controls.items() if abs(about["deviations"]) >= TOLD_DEVIATIONS]
    far.sort(key=lambda item: -abs(item[1]["deviations"]))
    return [
        f"in liked moments {name} was {about['marked']:.2f}, in all {about['all']:.2f} "
        f"({about['deviations']:+.1f} deviations)"
        for name, about in far[:5]
    ]


def _name(key: tuple[str, str]) -> str:
    return f"{key[0]} {key[1][:12]}".rstrip()
