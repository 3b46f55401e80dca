"""The lexicon of styles: what performers call things, and what it means in genres and moods. [any]

Hand-written phrases for every genre (in `lexicon_dance`, `lexicon_calm`, `lexicon_bands`), phrases that several genres
share (`lexicon_blends`), and words for moods with the values that they ask for. The style head is trained on these and
on combinations of them; `held_out` names a fixed fifth for judging it.
"""

from __future__ import annotations

import math
import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from legando.engines import lexicon_bands, lexicon_calm, lexicon_dance
from legando.engines.lexicon_blends import SHARES
from legando.realtime.controls import GENRES, MOODS


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a phrase asks for: genre weights (sum 1), or none if it names no genre; moods that it speaks about."""

    genres: dict[str, float]
    moods: dict[str, float]


# density, brightness, space, drive: what a genre has unless the prompt says otherwise.
GENRE_MOODS: dict[str, tuple[float, float, float, float]] = {
    "house": (0.55, 0.60, 0.45, 0.65),
    "techno": (0.60, 0.40, 0.50, 0.85),
    "drum_and_bass": (0.80, 0.60, 0.45, 0.90),
    "ambient": (0.15, 0.40, 0.95, 0.08),
    "lofi": (0.35, 0.30, 0.40, 0.25),
    "trap": (0.50, 0.45, 0.40, 0.60),
    "disco": (0.65, 0.75, 0.40, 0.65),
    "synthwave": (0.50, 0.60, 0.65, 0.60),
    "funk": (0.70, 0.60, 0.20, 0.60),
    "jazz": (0.45, 0.45, 0.35, 0.30),
    "dub": (0.35, 0.35, 0.80, 0.40),
    "breakbeat": (0.70, 0.65, 0.30, 0.80),
    "downtempo": (0.40, 0.35, 0.65, 0.25),
    "orchestral": (0.50, 0.50, 0.75, 0.40),
    "rock": (0.65, 0.65, 0.35, 0.80),
    "afrobeat": (0.80, 0.65, 0.30, 0.65),
}

# Moods in tenths (density, brightness, space, drive), "-" where the word says nothing.
MOOD_WIDTH = 0.2
MOOD_GENRES_MOST = 5

_MOODS: dict[str, str] = {
    "9---": """busy, dense, full, packed, complex, intricate, hectic, crowded, layered, many notes, chaotic, cluttered,
        crammed, bustling, jam-packed, overloaded, elaborate, ornate, lots of notes, loads of notes, lots going on""",
    "1---": """sparse, minimal, stripped down, simple, few notes, empty, bare, uncluttered, skeletal, understated,
        thin, spare, spartan, austere, restrained, naked, barely there, hardly any notes, not much going on""",
    "-9--": """bright, shiny, crisp, sparkling, brilliant, glittering, airy and bright, sunny, clear, happy, radiant,
        gleaming, glowing, luminous, dazzling, crystalline, glassy, twinkling, vivid""",
    "-1--": """dark, murky, muffled, dull, dim, shadowy, gloomy, muted, warm and dark, sombre, sinister, underground,
        pitch-black, pitch black, dusky, grim, bleak, brooding, moody, inky, dingy""",
    "--9-": """spacious, wide, huge reverb, cavernous, echoing, distant, roomy, vast, washed in reverb, reverberant,
        drenched in reverb, lots of reverb, big reverb, expansive, immense, boundless, enormous, big hall""",
    "--1-": """dry, close, intimate, tight, in your face, no reverb, up close, direct, small room, cramped, boxed in,
        claustrophobic, without reverb, without echo, no echo, bone dry, bone-dry, close-miked""",
    "---9": """driving, energetic, aggressive, intense, powerful, pounding, hard, heavy, furious, high energy, wild,
        fierce, ferocious, angry, brutal, punishing, relentless, merciless, forceful, vigorous, urgent, thunderous,
        loud""",
    "---1": """gentle, soft, calm, relaxed, quiet, mellow, peaceful, tender, soothing, delicate, lazy, restful, hushed,
        subdued, tranquil, placid, laid-back, laid back, easygoing, unhurried, mild, whispered, low energy, languid""",
    "-289": "menacing, ominous, haunted, dystopian, terrifying",
    "1293": "lonely, desolate, mysterious, cold, melancholic and slow, foggy",
    "3491": "dreamy, ethereal, floating, hazy, heavenly, hypnagogic",
    "78-8": "euphoric, uplifting, joyful, ecstatic, triumphant, festive",
    "-3-3": "sad, melancholic, nostalgic, wistful, bittersweet, heartbroken",
    "8639": "frantic, explosive, raging, manic, full throttle, peak time",
    "3432": "warm, cosy, intimate and warm, tender and close, homely",
    "-7-6": "playful, funny, cheeky, optimistic, cheerful, upbeat",
    "4262": "late night, nocturnal, after midnight, sleepy, three in the morning",
    "-838": "sharp, punchy, snappy, cutting, crunchy",
    "5276": "cinematic, epic, dramatic, majestic, monumental",
    "2382": "deep, slow and deep, hypnotic and slow, submerged",
    "4-3-": "groovy, bouncy, swinging, danceable",
    "2-71": "beautiful, graceful, serene, pure, innocent",
}

_TEMPLATES_GENRE = ("{g}", "some {g}", "{g} music", "I want {g}", "something like {g}", "a {g} track", "play {g}")
_TEMPLATES_MOOD = ("{m} {g}", "{g}, {m}", "{g} that feels {m}", "{m} and {n} {g}", "{g} but {m}", "{m}, {n}, {g}")
_TEMPLATES_MOOD_ALONE = ("{m}", "something {m}", "{m} music", "a {m} mood")
_TEMPLATES_TWO_MOODS = ("{m} and {n}", "{m}, {n}", "something {m} and {n}", "{m} but {n}", "{m} {n} music")
_TEMPLATES_BLEND = (
    "{g} meets {h}",
    "{g} mixed with {h}",
    "half {g}, half {h}",
    "{g} and {h}",
    "{g} with a touch of {h}",
)


def _split(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())


def _shares(text: str) -> dict[str, float]:
    words = text.split()
    return {genre: int(tenths) / 10 for genre, tenths in zip(words[::2], words[1::2], strict=True)}


GENRE_PHRASES: dict[str, tuple[str, ...]] = {
    genre: _split({**lexicon_dance.PHRASES, **lexicon_calm.PHRASES, **lexicon_bands.PHRASES}[genre]) for genre in GENRES
}
SHARED_PHRASES: dict[str, dict[str, float]] = {phrase: _shares(text) for phrase, text in SHARES.items()}
MOOD_PHRASES: dict[str, dict[str, float]] = {
    phrase: {mood: int(digit) / 10 for mood, digit in zip(MOODS, digits, strict=True) if digit != "-"}
    for digits, text in _MOODS.items()
    for phrase in _split(text)
}


def held_out(phrase: str) -> bool:
    """Say whether a phrase is kept from training; a fixed fifth of those with two words or more. [any]"""
    return " " in phrase and zlib.crc32(phrase.encode()) % 5 == 0


def genre_moods(genres: dict[str, float], moods: dict[str, float]) -> dict[str, float]:
    """Return all moods: what is said, pulled a little towards what the genres have. [any]"""
    usual = {
        mood: sum(w * GENRE_MOODS[g][i] for g, w in genres.items()) if genres else 0.5 for i, mood in enumerate(MOODS)
    }
    return {mood: 0.8 * moods[mood] + 0.2 * usual[mood] if mood in moods else usual[mood] for mood in MOODS}


def mood_genres(moods: dict[str, float]) -> dict[str, float]:
    """Return the few genres whose usual moods lie nearest to these, softly weighted: what a bare mood asks for. [any]

    A Gaussian of the distance over the moods that are spoken about; at most `MOOD_GENRES_MOST` genres, sum 1.
    """
    near = {
        genre: math.exp(
            -sum((usual[MOODS.index(mood)] - value) ** 2 for mood, value in moods.items())
            / (2 * len(moods) * MOOD_WIDTH**2)
        )
        for genre, usual in GENRE_MOODS.items()
    }
    best = sorted(near, key=lambda genre: -near[genre])[:MOOD_GENRES_MOST]
    total = sum(near[genre] for genre in best)
    return {genre: near[genre] / total for genre in best}


def _both(said: dict[str, float], more: dict[str, float]) -> dict[str, float]:
    """Return two moods together; the mean where both speak about the same."""
    return {**said, **{mood: (said[mood] + value) / 2 if mood in said else value for mood, value in more.items()}}


def examples(seed: int = 0, each: int = 4, *, unseen: bool = False) -> Iterator[tuple[str, Meaning]]:
    """Yield prompts with their meaning: phrases alone, in templates, with moods, blended. [any]

    Every phrase that is not held out (with `unseen`: only those) comes alone once and `each` times in combination; a
    seed is a list for ever.
    """
    rng = random.Random(seed)
    moods = [phrase for phrase in MOOD_PHRASES if held_out(phrase) == unseen]
    known = {genre: [p for p in phrases if held_out(p) == unseen] for genre, phrases in GENRE_PHRASES.items()}
    for genre in GENRES:
        for phrase in known[genre]:
            yield phrase, Meaning({genre: 1.0}, {})
            for _ in range(each):
                kind = rng.random()
                if kind < 0.25:
                    yield rng.choice(_TEMPLATES_GENRE).format(g=phrase), Meaning({genre: 1.0}, {})
                elif kind < 0.85:
                    m, n = rng.sample(moods, 2)
                    template = rng.choice(_TEMPLATES_MOOD)
                    said = _both(MOOD_PHRASES[m], MOOD_PHRASES[n]) if "{n}" in template else MOOD_PHRASES[m]
                    yield template.format(g=phrase, m=m, n=n), Meaning({genre: 1.0}, said)
                else:
                    other = rng.choice([g for g in GENRES if g != genre])
                    text = rng.choice(_TEMPLATES_BLEND).format(g=phrase, h=rng.choice(known[other]))
                    yield text, Meaning({genre: 0.5, other: 0.5}, {})
    for phrase, shares in SHARED_PHRASES.items():
        if held_out(phrase) == unseen:
            yield phrase, Meaning(shares, {})
            for template in rng.sample(_TEMPLATES_GENRE[1:], min(each, 2)):
                yield template.format(g=phrase), Meaning(shares, {})
    for phrase in moods:
        said = MOOD_PHRASES[phrase]
        for template in _TEMPLATES_MOOD_ALONE:
            yield template.format(m=phrase), Meaning(mood_genres(said), said)
        for _ in range(each):
            other = rng.choice([m for m in moods if m != phrase])
            both = _both(said, MOOD_PHRASES[other])
            yield rng.choice(_TEMPLATES_TWO_MOODS).format(m=phrase, n=other), Meaning(mood_genres(both), both)


def held_out_phrases() -> list[tuple[str, str]]:
    """Return (phrase, genre) of what training never sees. [any]"""
    return [(phrase, genre) for genre, phrases in GENRE_PHRASES.items() for phrase in phrases if held_out(phrase)]
