"""Prompts become styles: the right genre for prompts never seen, moods that move, blends, one-sentence refusals."""

import hashlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import legando.engines
from legando.engines.lexicon import GENRE_PHRASES
from legando.engines.mood_words import read_moods
from legando.engines.style import StyleEncoder, TextEncoder
from legando.engines.training.networks import train_style
from legando.engines.training.networks.embedding_cache import EmbeddingCache
from legando.engines.training.networks.train_style import installed_tokenizer
from legando.realtime.controls import GENRE_SLOTS, GENRES, MOODS, STYLE_DIM, Controls
from legando.realtime.errors import RigError

# Prompts as performers type them. The first forty were seen while the lexicon grew; the rest were written after it.
FRESH_PROMPTS: tuple[tuple[str, str], ...] = (
    ("sunset terrace in Mykonos, piano house for dancing barefoot", "house"),
    ("deep soulful house with a female vocal feel", "house"),
    ("groovy tech house for a beach club", "house"),
    ("classic Chicago jack track with organ", "house"),
    ("pounding Berghain style techno with no mercy", "techno"),
    ("hypnotic minimal loop for a dark warehouse", "techno"),
    ("acid line over a hard straight kick", "techno"),
    ("industrial machines hammering in a cellar rave", "techno"),
    ("liquid drum and bass with warm pads", "drum_and_bass"),
    ("fast jungle with chopped breaks and heavy sub", "drum_and_bass"),
    ("neurofunk roller, angry reese", "drum_and_bass"),
    ("174 bpm atmospheric breakbeats", "drum_and_bass"),
    ("slow evolving drone for meditation", "ambient"),
    ("drifting through outer space without any rhythm", "ambient"),
    ("gentle pads like clouds over the sea", "ambient"),
    ("music to fall asleep to, no beat", "ambient"),
    ("lofi beats for studying on a rainy night", "lofi"),
    ("dusty boom bap with vinyl crackle", "lofi"),
    ("chillhop with a sleepy electric piano", "lofi"),
    ("cosy tape-worn hip hop for a coffee shop", "lofi"),
    ("hard trap with sliding 808 and hat rolls", "trap"),
    ("dark drill beat from south London", "trap"),
    ("Atlanta rap instrumental with bells", "trap"),
    ("cloud rap with huge sub bass", "trap"),
    ("glittering seventies disco with strings", "disco"),
    ("Italo disco for a roller rink", "disco"),
    ("mirror ball party with octave bass", "disco"),
    ("nu disco boogie with hand claps", "disco"),
    ("neon eighties synths on a night highway", "synthwave"),
    ("cyberpunk chase with analog arpeggios", "synthwave"),
    ("retro VHS soundtrack with gated drums", "synthwave"),
    ("outrun sunset, dreamy synth pop", "synthwave"),
    ("slap bass and clavinet, dirty funk", "funk"),
    ("tight horns and wah guitar, James style soul revue", "funk"),
    ("afrobeat groove with a big rhythm section", "afrobeat"),
    ("syncopated funky drummer with organ", "funk"),
    ("smoky jazz club with upright bass", "jazz"),
    ("bebop saxophone over swinging ride cymbal", "jazz"),
    ("bossa nova guitar by the sea", "jazz"),
    ("piano trio ballad with brushes", "jazz"),
    ("a steady thump and warm electric organ, everyone dancing on the sand", "house"),
    ("gospel singers over a club kick", "house"),
    ("bare concrete, one kick, one noise, all night", "techno"),
    ("acid trip in a Berlin power station", "techno"),
    ("manic sliced breaks at 180", "drum_and_bass"),
    ("liquid rollers for a night bus through London", "drum_and_bass"),
    ("a slow cloud of sound above a mountain lake", "ambient"),
    ("background for a planetarium", "ambient"),
    ("crackly beats while I do my homework", "lofi"),
    ("tape-hiss piano and a lazy drum loop", "lofi"),
    ("menacing 808 slides", "trap"),
    ("skippy hats and gloomy bells, rapper needed", "trap"),
    ("string section, wah guitar and a dance floor in 1976", "disco"),
    ("everyone at the roller disco in gold trousers", "disco"),
    ("night ride with pink neon and a keytar", "synthwave"),
    ("eighties science fiction chase scene", "synthwave"),
    ("the bass player slaps, the horns answer", "funk"),
    ("sweaty soul band locked on the one", "funk"),
    ("a tired saxophone at closing time", "jazz"),
    ("brushes, double bass, and a piano that wanders", "jazz"),
    ("echoing snare over a reggae bassline", "dub"),
    ("a sound system in a Kingston yard, all bass and delay", "dub"),
    ("one drop rhythm with a melodica", "dub"),
    ("b-boys spinning on cardboard to a chopped drum loop", "breakbeat"),
    ("big beat with distorted drums from Brighton in 1997", "breakbeat"),
    ("two-step garage with skippy drums", "breakbeat"),
    ("moody trip hop with a smoky slow beat", "downtempo"),
    ("slow electronic lounge with sitar and deep bass", "downtempo"),
    ("sunset chillout in a hotel bar", "downtempo"),
    ("sweeping strings and brass for a battle between dragons", "orchestral"),
    ("string quartet playing a sad waltz", "orchestral"),
    ("epic film trailer with choir and timpani", "orchestral"),
    ("distorted guitars and loud drums in a garage", "rock"),
    ("angry punk band from London", "rock"),
    ("seventies hard rock with a long guitar solo", "rock"),
    ("Lagos big band, horns and endless percussion", "afrobeat"),
    ("highlife guitars at a party in Accra", "afrobeat"),
    ("congas, shekere and talking drums", "afrobeat"),
)


@pytest.fixture(scope="module")
def head_path(request: pytest.FixtureRequest) -> Path:
    """A head, trained here as `legando train style` does.

    Embeddings are kept from one run of the tests to the next, and so is the head, as long as its sources stay the same.
    """
    sources = [Path(legando.engines.__path__[0], name) for name in ("style.py", "prompt_words.py", "mood_words.py")]
    sources += [Path(train_style.__file__), *sorted(sources[0].parent.glob("lexicon*.py"))]
    key = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    folder = request.config.cache.mkdir("style")
    if request.config.cache.get("style/key", None) != key:
        train_style.train(folder, installed_tokenizer())
        request.config.cache.set("style/key", key)
    report = json.loads((folder / "report.json").read_text())
    assert report["top1"] > 0.70  # on phrases it never saw; sixteen genres, so chance is 0.06
    assert (folder / "style.safetensors").stat().st_size < 900_000
    return folder / "style.safetensors"


@pytest.fixture(scope="module")
def encoder(head_path: Path) -> Iterator[StyleEncoder]:
    """An encoder with that head, which keeps what it embeds for the next run of the tests."""
    encoder = StyleEncoder.from_files(installed_tokenizer(), head_path)
    cache = EmbeddingCache(TextEncoder(installed_tokenizer()), head_path.with_name("prompts.safetensors"))
    encoder.text.embed = cache.embed  # type: ignore[method-assign]
    yield encoder
    cache.save()


def genre_of(style: tuple[float, ...]) -> str:
    return GENRES[max(range(len(GENRES)), key=lambda i: style[i])]


def mood(style: tuple[float, ...], name: str) -> float:
    return style[GENRE_SLOTS + MOODS.index(name)]


def test_fresh_prompts_find_their_genre(encoder: StyleEncoder) -> None:
    right = [genre_of(encoder.encode([(text, 1.0)])) == genre for text, genre in FRESH_PROMPTS]
    assert sum(right) / len(right) >= 0.75


def test_fresh_prompts_are_not_in_the_lexicon() -> None:
    known = {phrase.lower() for phrases in GENRE_PHRASES.values() for phrase in phrases}
    assert not known & {text.lower() for text, _ in FRESH_PROMPTS}


@pytest.mark.parametrize("text", ["deep house", "zxqv blorp", "my grandmother's soup", "?", "静かな夜", "a " * 500])
def test_any_text_gives_a_valid_style(encoder: StyleEncoder, text: str) -> None:
    style = encoder.encode([(text, 0.7)])
    assert len(style) == STYLE_DIM and all(0.0 <= v <= 1.0 and math.isfinite(v) for v in style)
    assert sum(style[:GENRE_SLOTS]) == pytest.approx(1.0)
    assert not any(style[len(GENRES) : GENRE_SLOTS])
    Controls(style=style)


def test_mood_words_move_the_moods(encoder: StyleEncoder) -> None:
    def of(text: str, name: str) -> float:
        return mood(encoder.encode([(text, 1.0)]), name)

    assert of("driving aggressive music", "drive") > of("gentle calm music", "drive") + 0.1
    assert of("sparse and minimal", "density") < of("busy and dense", "density") - 0.1
    assert of("bright and shiny", "brightness") > of("dark and murky", "brightness") + 0.1
    assert of("huge reverb, spacious", "space") > of("dry and close", "space") + 0.1


BESIDE = {
    "density": ("busy", "very dense", "lots of notes", "sparse", "stripped down", "not busy", "less crowded"),
    "brightness": ("bright", "brighter", "sunny", "dark", "very dark", "darker", "not too bright"),
    "space": ("spacious", "huge reverb", "wide", "dry", "drier", "no reverb", "not spacious"),
    "drive": ("aggressive", "extremely energetic", "angrier", "gentle", "softer", "laid-back", "not aggressive"),
}
RISING = frozenset(word for words in BESIDE.values() for word in words[:3])


@pytest.mark.parametrize("genre", GENRES)
def test_a_mood_word_moves_its_mood_beside_any_genre_and_leaves_the_genre(encoder: StyleEncoder, genre: str) -> None:
    name = genre.replace("_", " ").replace("lofi", "lofi hip hop")
    plain = encoder.encode([(name, 1.0)])
    assert genre_of(plain) == genre
    turn = GENRES.index(genre)  # three of the words beside each genre, each of the words beside six genres or more
    for aspect, words in BESIDE.items():
        for word in (words[(turn + n) % len(words)] for n in (0, 2, 4)):
            style = encoder.encode([(f"{word} {name}", 1.0)])
            usual, now = mood(plain, aspect), mood(style, aspect)
            wanted = 0.9 if word in RISING else 0.3 if word.startswith(("not", "less")) else 0.1
            # by 0.2 or more, or, where the genre has nearly so much anyway, to the place
            assert (now - usual) * (1 if wanted > usual else -1) >= 0.2 or abs(now - wanted) < 0.2, f"{word} {name}"
            assert genre_of(style) == genre, f"{word} {name}"
            others = [m for m in MOODS if m != aspect]
            assert all(abs(mood(style, m) - mood(plain, m)) < 0.02 for m in others), f"{word} {name}"


# Wordings that the lexicon has not, with the mood that they should move and where to.
PARAPHRASES = (
    ("{} with a wall of notes", "density", 1),
    ("overflowing, maximalist {}", "density", 1),
    ("{} with hardly anything in it", "density", -1),
    ("bare-bones {} with long gaps", "density", -1),
    ("{} like sunlight on glass", "brightness", 1),
    ("cheery, sugary {}", "brightness", 1),
    ("{} from a lightless cellar", "brightness", -1),
    ("gloom-laden {} in the fog", "brightness", -1),
    ("{} in a colossal cathedral", "space", 1),
    ("{} ringing across a canyon", "space", 1),
    ("{} in a tiny padded booth", "space", -1),
    ("{} right beside my ear", "space", -1),
    ("{} going full blast", "drive", 1),
    ("unstoppable, violent {}", "drive", 1),
    ("{} for putting a baby to sleep", "drive", -1),
    ("{} played in a murmur", "drive", -1),
)


def test_most_wordings_that_the_lexicon_has_not_move_the_mood_the_right_way(encoder: StyleEncoder) -> None:
    assert not any(read_moods(template.format("techno")).said for template, _, _ in PARAPHRASES)
    moved = []
    for template, aspect, way in PARAPHRASES:
        for name in ("techno", "jazz", "disco", "rock"):
            plain, style = encoder.encode([(name, 1.0)]), encoder.encode([(template.format(name), 1.0)])
            moved.append(way * (mood(style, aspect) - mood(plain, aspect)))
    assert np.mean(np.array(moved) > 0.0) > 0.7
    assert np.mean(moved) > 0.05


@pytest.mark.parametrize("text", ["dark and slow", "happy", "aggressive", "dreamy", "something sad", "energetic"])
def test_bare_moods_ask_for_a_soft_blend(encoder: StyleEncoder, text: str) -> None:
    style = encoder.encode([(text, 1.0)])
    assert max(style[: len(GENRES)]) < 0.7
    assert sum(weight > 0.0 for weight in style[: len(GENRES)]) >= 3


def test_words_about_parts_tempo_and_key_do_not_bend_the_style(encoder: StyleEncoder) -> None:
    plain = encoder.encode([("warm deep house", 1.0)])
    assert encoder.encode([("warm deep house without drums, 121 bpm in C minor", 1.0)]) == plain


def test_prompts_blend_as_vectors(encoder: StyleEncoder) -> None:
    house, jazz = encoder.encode([("house", 1.0)]), encoder.encode([("jazz", 1.0)])
    blend = encoder.encode([("house", 3.0), ("jazz", 1.0)])
    for a, b, both in zip(house, jazz, blend, strict=True):
        assert both == pytest.approx(0.75 * a + 0.25 * b, abs=2e-4)
    assert encoder.encode([("house", 5.0)]) == house


def test_case_and_spaces_do_not_matter_and_results_are_remembered(encoder: StyleEncoder) -> None:
    first = encoder.encode([("Deep  House ", 1.0)])
    start = time.perf_counter()
    assert encoder.encode([("deep house", 1.0)]) == first
    assert time.perf_counter() - start < 0.1


@pytest.mark.parametrize(
    ("prompts", "words"),
    [
        ([], "no prompt"),
        ([("", 1.0)], "blank"),
        ([("house", 1.0), ("  \t", 1.0)], "blank"),
        ([("house", 0.0)], "weight 0"),
        ([("house", -1.0)], "weight -1"),
        ([("house", math.nan)], "weight nan"),
    ],
)
def test_bad_prompts_get_one_sentence(encoder: StyleEncoder, prompts: list[tuple[str, float]], words: str) -> None:
    with pytest.raises(RigError, match=words) as caught:
        encoder.encode(prompts)
    assert "\n" not in str(caught.value)


def test_foreign_head_is_refused(tmp_path: Path, head_path: Path) -> None:
    broken = tmp_path / "style.safetensors"
    broken.write_bytes(head_path.read_bytes()[:100])
    with pytest.raises(RigError, match="install the bundle again"):
        StyleEncoder.from_files(installed_tokenizer(), broken)
    broken.write_bytes(b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    with pytest.raises(RigError, match="other genres"):
        StyleEncoder.from_files(installed_tokenizer(), broken)
