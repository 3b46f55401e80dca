"""Words for moods are read: with intensifiers, softeners and negations, out of any text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.engines.mood_words import read_moods
from legando.realtime.controls import MOODS


@pytest.mark.parametrize(
    ("text", "said", "rest"),
    [
        ("very dark techno", {"brightness": 0.0}, "techno"),
        ("jazz, not too busy", {"density": 0.3}, "jazz"),
        ("house that feels bright and dry", {"brightness": 0.9, "space": 0.1}, "house"),
        ("not dark or loud funk", {"brightness": 0.7, "drive": 0.3}, "funk"),
        ("dub with no reverb", {"space": 0.1}, "dub"),
        ("make it darker", {"brightness": 0.1}, ""),
        ("bright but dark rock", {"brightness": 0.5}, "rock"),
        ("hard bop with a muted trumpet", {}, "hard bop with a muted trumpet"),
        ("driving at night", {}, "driving at night"),
        ("deep house", {}, "deep house"),
        ("", {}, ""),
    ],
)
def test_mood_words_are_read(text: str, said: dict[str, float], rest: str) -> None:
    words = read_moods(text)
    assert words.said == pytest.approx(said) and words.rest == rest


def test_intensifiers_and_softeners_say_how_far() -> None:
    dark = [read_moods(text).over("brightness", 0.6) for text in ("a bit dark dub", "dark dub", "very dark dub")]
    assert dark == pytest.approx([0.4, 0.2, 0.0])
    assert read_moods("dark dub").over("space", 0.6) == 0.6


MOOD_TEXT = ("not", "very", "a bit", "dark", "busy", "or", "techno", ",")


@given(st.text() | st.lists(st.sampled_from(MOOD_TEXT)).map(" ".join))
def test_any_text_is_read_for_moods(text: str) -> None:
    words = read_moods(text)
    assert set(words.said) == set(words.shares) <= set(MOODS)
    assert all(0.0 <= words.over(name, usual) <= 1.0 for name in MOODS for usual in (0.0, 1.0))
