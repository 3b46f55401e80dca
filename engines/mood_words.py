"""Words for moods in a prompt, read by rule: `very dark techno` is dark, `jazz, not too busy` is not busy. [any]

| words | share of the mood that they decide |
|---|---|
| a word of the lexicon for one mood: `dark`, `sparse`, `darker` | 0.8, the rest is the genre's |
| a word for several moods at once: `dreamy`, `menacing` | 0.6 |
| `very`, `extremely`, `super` before it | all, and the value goes further out |
| `slightly`, `a bit`, `a touch` before it | half of that |
| `not`, `not too`, `less`, `never`, `without being` before it | 0.8, towards the other side, half as far |

Words that belong to a name (`hard bop`, `muted trumpet`, `driving at night`) are no moods.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from legando.engines.lexicon import MOOD_PHRASES

SHARE_ONE = 0.8
SHARE_SEVERAL = 0.6
FURTHER = 1.25
"""An intensifier takes a value this much further from the middle."""

_LEFT_TO_THE_HEAD = ("deep", "groovy", "swinging")
"""Words of the lexicon that say more about the genre than about a mood: `deep house`."""
_NAMES = re.compile(
    r"\bhard (?:bop|drive|shoulder)\b|\bfull(?: of\b| (?:moon|speed|blast|tilt|swing|orchestra|band|choir|power)\b)"
    r"|\bmuted (?:trumpet|cornet|trombone|horn|guitar)s?\b|\bcold (?:drinks?|beers?|wave|war)\b|\b[a-g] sharp\b"
    r"|\bdriving (?:a|an|at|through|across|slowly|along|to|home|down|in|my|our|the|over|north|south|east|west)\b"
    r"|\b(?:night|highway|road|car) driving\b|\bclose (?:your|my|to|the|of|friends?)\b|\bwild (?:west|animals?)\b"
    r"|\bdry (?:ice|martini)\b|\bclear (?:sky|skies|water|waters)\b|\bsoft drinks?\b|\bheavy metal\b"
)
_FURTHER = r"very|extremely|really|super|so|ultra|incredibly|totally|completely|as|truly|insanely"
_LITTLE = r"slightly|somewhat|mildly|faintly|(?:just )?a (?:bit|little|touch|hint|tad)(?: of)?"
_NOT = r"not|never|less|isn't|without being|nothing|hardly|don't make it|far from"
_BESIDE = r"too|so|very|that|overly|all|really|a|an|bit|at all|more|any"
_FILLER = re.compile(
    r"a|an|the|some|something|anything|music|tracks?|songs?|piece|sounds?|sounding|moods?|vibes?|feels?|feelings?|and|but"
    r"|or|with|of|in|for|it|i|me|want|need|like|make|play|please|more|much|very|too|really|so|less|not|is|be|being|that"
    r"|to|my|now|just"
)


def _forms(phrase: str) -> set[str]:
    """Return a mood word and its comparatives."""
    if " " in phrase or len(phrase) > 7:
        return {phrase}
    stem = phrase[:-1] + "i" if phrase.endswith("y") else phrase.removesuffix("e")
    return {phrase, f"{stem}er", f"{stem}est", f"{phrase}{phrase[-1]}er"}


_WORDS = {
    form: said for phrase, said in MOOD_PHRASES.items() if phrase not in _LEFT_TO_THE_HEAD for form in _forms(phrase)
}
_MOOD = re.compile(
    rf"(?<![\w-])(?:(?P<no>{_NOT})\s+(?:(?:{_BESIDE})\s+)*|(?P<far>(?:(?:{_FURTHER})\s+)+)|(?P<little>{_LITTLE})\s+)?"
    rf"(?P<word>{'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))})(?![\w'-])"
)
_HANGING = r"(?:and|but|or|with|that feels?)"
_OR = re.compile(r"\s*,?\s*(?:or|nor)\s+")


@dataclass(frozen=True, slots=True)
class MoodWords:
    """What a prompt says of moods: `said` a value each, `shares` how much of the mood it decides; `rest` without it.

    `rest` is empty where a prompt speaks of nothing else.
    """

    said: dict[str, float]
    shares: dict[str, float]
    rest: str

    def over(self, mood: str, usual: float) -> float:
        """Return a mood as the words want it, where it would be `usual` without them."""
        share = self.shares.get(mood, 0.0)
        return share * self.said.get(mood, 0.0) + (1.0 - share) * usual


def read_moods(text: str) -> MoodWords:
    """Return the moods that the words of a prompt ask for; where several speak of one, the mean. [any]

    `text` is lower case, as `read_prompt` leaves it. Never raises; a prompt without mood words says nothing.
    """
    hidden = _NAMES.sub(lambda found: "\0" * len(found.group()), text)
    heard: dict[str, list[tuple[float, float]]] = {}
    rest: list[str] = []
    end, negated = 0, False
    for found in _MOOD.finditer(hidden):
        between = hidden[end : found.start()]
        rest.append(text[end : found.start()])
        # "not dark or sad": the second is denied with the first
        negated = bool(found["no"]) or (negated and _OR.fullmatch(between) is not None)
        end = found.end()
        said = _WORDS[found["word"]]
        for mood, value in said.items():
            share = SHARE_ONE if len(said) == 1 else SHARE_SEVERAL
            if negated:
                value, share = 0.5 - (value - 0.5) / 2, SHARE_ONE
            elif found["far"]:
                value, share = min(max(0.5 + FURTHER * (value - 0.5), 0.0), 1.0), 1.0
            elif found["little"]:
                share /= 2
            heard.setdefault(mood, []).append((value, share))
    rest.append(text[end:])
    left = re.sub(r"\s+([,;.])", r"\1", " ".join(" ".join(rest).split())).strip(" ,;.")
    left = re.sub(rf"^(?:{_HANGING}\b[\s,]*)+|(?:[\s,]+{_HANGING})+$", "", left)
    if all(_FILLER.fullmatch(word) for word in re.findall(r"[\w']+", left)):
        left = ""
    return MoodWords(
        {mood: sum(v * s for v, s in pairs) / sum(s for _, s in pairs) for mood, pairs in heard.items()},
        {mood: max(s for _, s in pairs) for mood, pairs in heard.items()},
        left,
    )
