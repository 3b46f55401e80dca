"""Words in a prompt that name parts, a tempo or a key: read by rule, and taken out before the rest is embedded. [any]

| words | do |
|---|---|
| `no drums`, `without bass or chords`, `drumless` | mute those parts |
| `drums only`, `just drums and bass` | mute all other parts |
| `solo piano`, `unaccompanied violin` | mute what one player of it cannot play; the instrument stays in the text |
| `120 bpm`, `118-122 bpm`, `tempo 96` | set the tempo |
| `in C minor` | nothing: legando is in whatever key the held notes ask for, and the words would only bend the style |

`drum and bass` is a genre and stays one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from legando.realtime.controls import PARTS, TEMPO_MAX_BPM, TEMPO_MIN_BPM

_WORDS = {
    "drums": "drums?|drum kit|drum beats?|drum machine|percussion|beats?|rhythm",
    "bass": "bass(?! drum)|bass ?lines?|bass guitar|sub bass",
    "chord": "chords?|harmony|harmonies|keys|keyboards?",
    "lead": "leads?|melody|melodies|lead synth|synth lead|solos?",
    "texture": "textures?|pads?|atmospheres?|ambience|drones?|background sounds?",
    "": "vocals?|vocalist|singing|singers?|voices?|lyrics|words|rap|rapping",  # there are none to mute
}
_PART_OF = [(part, re.compile(f"(?:{words})")) for part, words in _WORDS.items()]
_NAME = "(?:" + "|".join(sorted("|".join(_WORDS.values()).split("|"), key=len, reverse=True)) + r")(?![\w'-])"
_AND = r"(?:\s*,?\s+(?:and|or|nor|no|&)\s+(?:no\s+)?|\s*[,/&+]\s*(?:no\s+)?)"
_LIST = rf"{_NAME}(?:{_AND}{_NAME})*"

_PLAYERS = {
    frozenset(("chord", "lead")): "(?:grand |upright |electric |acoustic |classical |jazz )*"
    "(?:piano|guitar|harp|organ|keys|keyboard|synth|synthesizer|accordion|rhodes|vibraphone|marimba|kalimba|koto|sitar)",
    frozenset(("lead",)): "(?:tenor |alto |soprano |baritone |muted )*"
    "(?:violin|viola|cello|flute|oboe|clarinet|saxophone|sax|trumpet|trombone|melodica|harmonica|voice)",
}

_GENRE = re.compile(r"\bdrum\s*(?:and|&|n|'n'|\+)\s*bass\b|\bbass music\b")
_HIDDEN = "\u01c1"
"""Stands for a genre while the rules read: a letter to them, in no word that a prompt has."""
_MUTE = re.compile(rf"(?<![\w-])(?:no|without|minus|sans|lose the|drop the|mute)\s+(?:any\s+|the\s+|a\s+)*({_LIST})")
_LESS = re.compile(r"\bdrumless\b")
_BEATLESS = re.compile(r"\bbeatless\b|\bunaccompanied drone\b")
_ONLY_BEFORE = re.compile(rf"(?<![\w-])(?:only|just|nothing but)\s+(?:the\s+)?({_LIST})(?=\s*(?:$|[,.;!]|please\b))")
_ONLY_AFTER = re.compile(rf"(?<![\w-])({_LIST})\s+(?:only|alone)\b")
_SOLO = re.compile(rf"\b(?:solo|unaccompanied)\s+({'|'.join(_PLAYERS.values())})\b")
_NUMBER = r"(\d{2,3}(?:\.\d+)?)"
_TEMPO = re.compile(
    rf"(?:\b(?:at|around|about|with)\s+)*(?<![\w.])(?:{_NUMBER}\s*(?:-|–|to)\s*)?{_NUMBER}\s*"
    rf"(?:bpm\b|beats\s+(?:per|a)\s+minute\b)|\b(?:at\s+)?tempo\s*(?:of|=|:)?\s*{_NUMBER}(?![\w.])"
)
_KEY = re.compile(
    r"\b(?:in\s+)?(?:the\s+)?key\s+of\s+[a-g](?:\s*(?:#|♯|♭|b|sharp|flat))?(?:\s*(?:minor|major|min|maj|m))?(?![\w#♯♭])"
    r"|\bin\s+[a-g](?:\s*(?:#|♯|♭|b|sharp|flat))?\s*(?:minor|major|min|maj)\b(?!\s+(?:key|mood|mode|feel))"
)


@dataclass(frozen=True, slots=True)
class PromptWords:
    """What a prompt says by rule, and `text`, the rest of it: lower case, or the whole where nothing else is left."""

    text: str
    muted: frozenset[str] = frozenset()
    tempo_bpm: float | None = None


def read_prompt(text: str) -> PromptWords:
    """Return the parts that a prompt mutes, the tempo that it names, and the rest to be embedded. [any]

    Never raises. A tempo outside the instrument's range, and an order to mute everything, are left alone.
    """
    whole = " ".join(text.split()).lower().replace(_HIDDEN, " ")
    genres = [found.group() for found in _GENRE.finditer(whole)]
    rest = _GENRE.sub(_HIDDEN, whole)  # the rules must not see its words
    muted: set[str] = set()
    kept: set[str] = set()

    def mute(found: re.Match[str]) -> str:
        muted.update(_parts(found.group(1)))
        return " "

    def keep(found: re.Match[str]) -> str:
        kept.update(_parts(found.group(1)))
        return " "

    for rule, act in ((_MUTE, mute), (_ONLY_AFTER, keep), (_ONLY_BEFORE, keep)):
        rest = rule.sub(act, rest)
    if found := _SOLO.search(rest):
        kept |= next(parts for parts, words in _PLAYERS.items() if re.fullmatch(words, found.group(1)))
    if _LESS.search(rest) or _BEATLESS.search(rest):  # the second describes a sound too, and stays in the text
        muted.add("drums")
        rest = _LESS.sub(" ", rest)
    if kept:
        muted |= set(PARTS) - kept
    if muted >= set(PARTS):
        muted = set()
    rest, tempo_bpm = _read_tempo(rest)
    rest = _tidy(_KEY.sub(" ", rest))
    if not re.search(r"\w", rest):
        return PromptWords(whole, frozenset(muted), tempo_bpm)
    for genre in genres:
        rest = rest.replace(_HIDDEN, genre, 1)
    return PromptWords(rest, frozenset(muted), tempo_bpm)


def read_prompts(prompts: Sequence[tuple[str, float]]) -> PromptWords:
    """Return what weighted prompts say together; `text` joins theirs with commas. [any]

    A part is muted where prompts that say so carry half of the weight or more; the tempo is that of the heaviest
    prompt that names one.
    """
    read = [(read_prompt(text), weight) for text, weight in prompts if weight > 0.0]
    total = sum(weight for _, weight in read)
    muted = {part for part in PARTS if 2 * sum(w for words, w in read if part in words.muted) >= total > 0.0}
    tempos = [(weight, words.tempo_bpm) for words, weight in read if words.tempo_bpm is not None]
    tempo_bpm = max(tempos, key=lambda pair: pair[0])[1] if tempos else None
    return PromptWords(", ".join(words.text for words, _ in read), frozenset(muted), tempo_bpm)


def _parts(names: str) -> set[str]:
    """Return the parts that a list of names such as `drums and bass` stands for."""
    return {
        part
        for name in re.split(r"\s*(?:,|/|&|\+|\b(?:and|or|nor|no)\b)\s*", names)
        for part, words in _PART_OF
        if part and words.fullmatch(name.strip())
    }


def _read_tempo(text: str) -> tuple[str, float | None]:
    found = _TEMPO.search(text)
    if found is None:
        return text, None
    numbers = [float(number) for number in found.groups() if number]
    tempo_bpm = sum(numbers) / len(numbers)
    if not TEMPO_MIN_BPM <= tempo_bpm <= TEMPO_MAX_BPM:
        return text, None
    return text[: found.start()] + " " + text[found.end() :], tempo_bpm


def _tidy(text: str) -> str:
    """Return the text without what the gaps have left: doubled commas, hanging words at either end."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s*([,;.])(?:\s*[,;.])+", r"\1", text)
    text = re.sub(r"\s+([,;.])", r"\1", text)
    return re.sub(r"^(?:\s|[,;.]|\b(?:and|but|with)\b)+|(?:\s|[,;.]|\b(?:and|but|with|please)\b)+$", "", text)
