"""Words in prompts: parts muted, a tempo read, a key passed over; what is left is what gets embedded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legando.engines.prompt_words import read_prompt, read_prompts
from legando.realtime.controls import PARTS, TEMPO_MAX_BPM, TEMPO_MIN_BPM
from legando.realtime.rigs.prompts import Prompt
from legando.realtime.rigs.rig import Scene
from legando.realtime.show import with_words


@pytest.mark.parametrize(
    ("text", "muted", "rest"),
    [
        ("deep house, no drums", "drums", "deep house"),
        ("Deep house without bass", "bass", "deep house"),
        ("techno without the bassline and melody", "bass lead", "techno"),
        ("jazz, no drums, no bass", "drums bass", "jazz"),
        ("jazz with no drums or bass please", "drums bass", "jazz"),
        ("ambient pads without any rhythm over the sea", "drums", "ambient pads over the sea"),
        ("funk with no pads/chords", "texture chord", "funk"),
        ("disco no vocals", "", "disco"),
        ("drumless jazz", "drums", "jazz"),
        ("beatless ambient", "drums", "beatless ambient"),
        ("afrobeat drums only", "bass chord lead texture", "afrobeat"),
        ("just drums and bass, funky", "chord lead texture", "funky"),
        ("dub, only the bass", "drums chord lead texture", "dub"),
        ("solo piano, sad", "drums bass texture", "solo piano, sad"),
        ("a solo tenor saxophone at night", "drums bass chord texture", "a solo tenor saxophone at night"),
        ("drum and bass", "", "drum and bass"),
        ("drum & bass without drums", "drums", "drum & bass"),
        ("liquid drum and bass only", "", "liquid drum and bass only"),
        ("no mercy techno", "", "no mercy techno"),
        ("no bass drum", "", "no bass drum"),
        ("saxophone solo", "", "saxophone solo"),
        ("bass and drums for the car", "", "bass and drums for the car"),
        ("just drumming along", "", "just drumming along"),
        ("no drums", "drums", "no drums"),
    ],
)
def test_parts_are_muted_and_their_words_taken_out(text: str, muted: str, rest: str) -> None:
    words = read_prompt(text)
    assert words.muted == frozenset(muted.split())
    assert words.text == rest
    assert words.tempo_bpm is None


@pytest.mark.parametrize(
    ("text", "tempo_bpm", "rest"),
    [
        ("deep house 120 bpm", 120.0, "deep house"),
        ("deep house at 120BPM, warm", 120.0, "deep house, warm"),
        ("118-122 bpm house", 120.0, "house"),
        ("slow jazz, 62.5 beats per minute", 62.5, "slow jazz"),
        ("rock, tempo 96", 96.0, "rock"),
        ("techno at 900 bpm", None, "techno at 900 bpm"),
        ("disco from 1978", None, "disco from 1978"),
        ("808 bass", None, "808 bass"),
        ("140 bpm", 140.0, "140 bpm"),
        ("house 12345 bpm", None, "house 12345 bpm"),
    ],
)
def test_a_tempo_is_read_and_taken_out(text: str, tempo_bpm: float | None, rest: str) -> None:
    words = read_prompt(text)
    assert (words.tempo_bpm, words.text, words.muted) == (tempo_bpm, rest, frozenset())


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("string quartet in C minor", "string quartet"),
        ("techno in the key of F# minor, dark", "techno, dark"),
        ("jazz in Bb major", "jazz"),
        ("song in a minor key", "song in a minor key"),
        ("dancing in a club", "dancing in a club"),
    ],
)
def test_a_key_is_passed_over(text: str, rest: str) -> None:
    assert read_prompt(text).text == rest


def test_everything_at_once() -> None:
    words = read_prompt("Warm dub techno, no drums, 118 bpm in D minor")
    assert (words.text, words.muted, words.tempo_bpm) == ("warm dub techno", frozenset({"drums"}), 118.0)


def test_heavy_prompts_decide_together() -> None:
    words = read_prompts([("house without drums, 120 bpm", 2.0), ("jazz at 90 bpm, no bass", 1.0), ("dub", 0.0)])
    assert (words.text, words.muted, words.tempo_bpm) == ("house, jazz", frozenset({"drums"}), 120.0)
    assert read_prompts([]).muted == frozenset()


WORDS = ("no", "without", "drums", "bass", "only", "solo", "piano", "120", "bpm", "and", ",", "in", "c", "minor")


@given(st.text() | st.lists(st.sampled_from(WORDS)))
def test_any_text_is_read_and_something_is_left_to_embed(text: str | list[str]) -> None:
    whole = text if isinstance(text, str) else " ".join(text)
    words = read_prompt(whole)
    assert bool(words.text.strip()) == bool(whole.strip())
    assert words.muted < set(PARTS)
    assert words.tempo_bpm is None or TEMPO_MIN_BPM <= words.tempo_bpm <= TEMPO_MAX_BPM


def test_a_scene_does_what_its_prompts_say_unless_it_says_otherwise() -> None:
    prompts = (Prompt(text="jazz without drums at 90 bpm"),)
    scene = with_words(Scene(name="a", prompts=prompts))
    assert (scene.muted, scene.tempo_bpm) == (frozenset({"drums"}), 90.0)
    scene = with_words(Scene(name="a", prompts=prompts, muted=frozenset({"bass"}), tempo_bpm=100.0))
    assert (scene.muted, scene.tempo_bpm) == (frozenset({"bass"}), 100.0)
