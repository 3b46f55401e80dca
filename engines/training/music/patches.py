"""Patches: which instruments play which part in which genre, and which families are held out for evaluation. [any]

A patch is a synthesiser voice, or a General MIDI program of a SoundFont with a synthesiser voice to fall back on.
"""

from __future__ import annotations

from dataclasses import dataclass

from legando.engines.training.music.synths import Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One instrument. `program` is a General MIDI program (0..127) or None for the synthesiser `voice`.

    `firm` is how much of the voice is laid under a loosely tuned program: sampled string sections beat by 15 cents.
    `amp` is the drive (0..1) of a guitar amplifier that the whole part runs through, 0 for none.
    """

    family: str
    voice: Voice
    program: int | None = None
    firm: float = 0.0
    amp: float = 0.0


_SUB = Voice(wave="sine", cutoff=4.0, attack_s=0.004, sustain=0.95, release_s=0.05, drive=0.15)
_808 = Voice(wave="sine", cutoff=4.0, sustain=0.35, fall_s=0.7, release_s=0.12, drive=0.45)
_REESE = Voice(wave="saw", cutoff=2.0, sweep=0.8, decay_s=0.5, unison=3, detune_cents=8.0, sub=0.5, release_s=0.06)
_ACID = Voice(wave="saw", cutoff=1.2, sweep=3.2, decay_s=0.12, sustain=0.6, fall_s=0.2, release_s=0.04, drive=0.2)
_SQUARE_BASS = Voice(wave="square", cutoff=1.6, sweep=1.4, decay_s=0.15, sustain=0.8, release_s=0.05)
_SAW_BASS = Voice(wave="saw", cutoff=1.8, sweep=2.0, decay_s=0.18, unison=2, detune_cents=4.0, sub=0.3, release_s=0.05)
_FM_BASS = Voice(engine="fm", ratio=1.0, index=2.2, decay_s=0.12, sustain=0.5, fall_s=0.4, release_s=0.05)
_STRING_BASS = Voice(engine="pluck", cutoff=2.0, decay_s=0.6, sustain=1.0, release_s=0.07)
_RUBBER = Voice(wave="triangle", cutoff=2.5, sweep=1.0, decay_s=0.1, sustain=0.7, release_s=0.05, drive=0.2)

_ROUND_BASS = Voice(wave="triangle", cutoff=1.6, sustain=0.85, fall_s=0.5, release_s=0.06, sub=0.6, drive=0.1)
_BOWED_BASS = Voice(wave="saw", cutoff=2.2, attack_s=0.05, unison=2, detune_cents=3.0, sustain=0.95, release_s=0.15)

_EP = Voice(engine="fm", ratio=1.0, index=1.3, decay_s=0.5, sustain=0.35, fall_s=1.2, release_s=0.18)
_TINE = Voice(engine="fm", ratio=4.0, index=0.7, decay_s=0.25, sustain=0.3, fall_s=1.0, release_s=0.2)
_BELL = Voice(engine="fm", ratio=3.0, index=1.4, decay_s=0.6, sustain=0.1, fall_s=0.8, release_s=0.3)
_SUPERSAW = Voice(wave="saw", cutoff=3.0, sweep=0.8, decay_s=0.4, unison=4, detune_cents=9.0, release_s=0.18)
_STAB = Voice(wave="saw", cutoff=2.0, sweep=2.6, decay_s=0.14, sustain=0.4, fall_s=0.18, unison=2, detune_cents=6.0)
_WARM = Voice(wave="saw", cutoff=1.8, attack_s=0.12, unison=3, detune_cents=8.0, sustain=0.9, release_s=0.4)
_GLASS = Voice(wave="triangle", cutoff=4.0, attack_s=0.2, unison=2, detune_cents=7.0, sustain=0.95, release_s=0.6)
_SOFT = Voice(wave="square", cutoff=1.4, attack_s=0.18, unison=2, detune_cents=7.0, sustain=0.9, release_s=0.5)
_ORGAN = Voice(wave="organ", cutoff=5.0, sustain=1.0, attack_s=0.006, release_s=0.05)
_CLAV = Voice(wave="clav", cutoff=3.2, sweep=1.0, decay_s=0.1, sustain=0.3, fall_s=0.3, release_s=0.04)
_STRING = Voice(engine="pluck", cutoff=2.6, decay_s=0.7, sustain=1.0, release_s=0.12)
_SKANK = Voice(engine="pluck", cutoff=2.8, decay_s=0.22, sustain=1.0, release_s=0.03)
_GUITAR = Voice(engine="pluck", cutoff=2.6, decay_s=1.8, sustain=1.0, release_s=0.06)
_BOWED = Voice(wave="saw", cutoff=2.4, attack_s=0.07, unison=3, detune_cents=4.0, sustain=0.95, release_s=0.22)
_SLOW_BOWED = Voice(wave="saw", cutoff=2.0, attack_s=0.25, unison=3, detune_cents=4.0, sustain=0.95, release_s=0.5)
_POLY = Voice(wave="pulse", cutoff=2.6, sweep=1.2, decay_s=0.4, unison=2, detune_cents=6.0, release_s=0.15)
_ENSEMBLE = Voice(wave="reed", cutoff=2.4, attack_s=0.08, unison=4, detune_cents=9.0, sustain=0.95, release_s=0.3)

_SINE = Voice(wave="sine", cutoff=5.0, sustain=0.85, release_s=0.1, vibrato_cents=6.0, attack_s=0.01)
_SAW_LEAD = Voice(wave="saw", cutoff=2.8, sweep=1.0, decay_s=0.3, unison=2, detune_cents=6.0, vibrato_cents=5.0)
_SQUARE_LEAD = Voice(wave="square", cutoff=3.0, sweep=0.5, sustain=0.8, release_s=0.08, vibrato_cents=6.0)
_PLUCK = Voice(wave="saw", cutoff=1.2, sweep=3.0, decay_s=0.1, sustain=0.15, fall_s=0.2, release_s=0.12)
_HARP = Voice(engine="pluck", cutoff=2.4, decay_s=0.45, sustain=1.0, release_s=0.25)
_REED = Voice(wave="reed", cutoff=2.6, attack_s=0.025, sustain=0.9, release_s=0.08, vibrato_cents=7.0)
_FLUTE = Voice(wave="triangle", cutoff=3.0, attack_s=0.04, sustain=0.95, release_s=0.1, vibrato_cents=7.0)
_MELODICA = Voice(wave="reed", cutoff=2.2, attack_s=0.03, sustain=0.9, release_s=0.06, vibrato_cents=6.0)
_HORN = Voice(wave="saw", cutoff=1.7, sweep=0.6, decay_s=0.3, attack_s=0.035, sustain=0.9, release_s=0.12)


def _synth(family: str, voice: Voice) -> Patch:
    return Patch(family=family, voice=voice)


def _gm(family: str, program: int, voice: Voice, *, firm: float = 0.0, amp: float = 0.0) -> Patch:
    return Patch(family=family, voice=voice, program=program, firm=firm, amp=amp)


PATCHES: dict[str, Patch] = {
    "sub": _synth("sub", _SUB),
    "long_808": _synth("sub", _808),
    "reese": _synth("reese", _REESE),
    "acid": _synth("acid", _ACID),
    "square_bass": _synth("analogue_bass", _SQUARE_BASS),
    "saw_bass": _synth("analogue_bass", _SAW_BASS),
    "fm_bass": _synth("fm_bass", _FM_BASS),
    "rubber_bass": _synth("rubber", _RUBBER),
    "acoustic_bass": _gm("acoustic_bass", 32, _STRING_BASS),
    "fingered_bass": _gm("electric_bass", 33, _STRING_BASS),
    "fretless_bass": _gm("electric_bass", 35, _RUBBER),
    "slap_bass": _gm("electric_bass", 36, _STRING_BASS),
    "fm_piano": _synth("fm_piano", _EP),
    "tine": _synth("fm_piano", _TINE),
    "bell": _synth("bell", _BELL),
    "supersaw": _synth("supersaw", _SUPERSAW),
    "stab": _synth("stab", _STAB),
    "warm_pad": _synth("warm_pad", _WARM),
    "glass_pad": _synth("glass_pad", _GLASS),
    "soft_pad": _synth("soft_pad", _SOFT),
    "drawbar": _synth("organ", _ORGAN),
    "clav": _synth("clav", _CLAV),
    "plucked": _synth("plucked", _STRING),
    "poly": _synth("poly", _POLY),
    "ensemble": _synth("ensemble", _ENSEMBLE),
    "piano": _gm("piano", 0, _EP),
    "rhodes": _gm("rhodes", 4, _EP),
    "legend": _gm("rhodes", 5, _TINE),
    "jazz_guitar": _gm("guitar", 26, _STRING),
    "clean_guitar": _gm("guitar", 27, _STRING),
    "nylon": _gm("nylon", 24, _STRING),
    "strings": _gm("strings", 48, _BOWED, firm=0.8),
    "slow_strings": _gm("strings", 49, _SLOW_BOWED, firm=0.8),
    "tremolo": _gm("strings", 44, _BOWED, firm=0.8),
    "synth_strings": _gm("synth_strings", 50, _WARM),
    "voices": _gm("voices", 53, _SOFT),
    "brass": _gm("brass", 61, _POLY),
    "vibes": _gm("vibes", 11, _TINE),
    "sine_lead": _synth("sine_lead", _SINE),
    "saw_lead": _synth("saw_lead", _SAW_LEAD),
    "square_lead": _synth("square_lead", _SQUARE_LEAD),
    "pluck_lead": _synth("pluck_lead", _PLUCK),
    "harp": _synth("plucked", _HARP),
    "reed_lead": _synth("reed", _REED),
    "flute_lead": _synth("flute_synth", _FLUTE),
    "sax": _gm("sax", 66, _REED),
    "flute": _gm("flute", 73, _FLUTE),
    "trumpet": _gm("trumpet", 59, _REED),
    "music_box": _gm("music_box", 10, _BELL),
    "round_bass": _synth("round_bass", _ROUND_BASS),
    "picked_bass": _gm("electric_bass", 34, _STRING_BASS),
    "contrabass": _gm("bowed_bass", 43, _BOWED_BASS, firm=0.3),
    "tuba": _gm("tuba", 58, _HORN),
    "skank": _synth("skank", _SKANK),
    "crunch_guitar": _gm("driven_guitar", 27, _GUITAR, amp=0.45),
    "power_guitar": _gm("driven_guitar", 27, _GUITAR, amp=0.85),
    "lead_guitar": _gm("driven_guitar", 29, _GUITAR, amp=0.4),
    "melodica": _synth("melodica", _MELODICA),
    "cello": _gm("cello", 42, _BOWED, firm=0.3),
    "violin": _gm("violin", 40, _BOWED, firm=0.3),
    "horns": _gm("horns", 60, _HORN),
    "open_trumpet": _gm("trumpet", 56, _HORN),
    "alto_sax": _gm("sax", 65, _REED),
    "oboe": _gm("oboe", 68, _REED),
    "clarinet": _gm("clarinet", 71, _FLUTE),
    "concert_harp": _gm("harp", 46, _HARP),
    "kalimba": _gm("kalimba", 108, _TINE),
}

HELD_OUT_FAMILIES = frozenset({"rubber", "ensemble", "nylon", "reed"})
"""Families that no training piece uses; `render(..., held_out=True)` uses only these."""

_HELD_OUT: dict[str, tuple[str, ...]] = {
    "bass": ("rubber_bass",),
    "chord": ("ensemble", "nylon"),
    "lead": ("reed_lead", "nylon"),
    "texture": ("ensemble",),
}

# genre: part: patches, then chances of drum kits and of sampled drums
CHOICES: dict[str, dict[str, tuple[str, ...]]] = {
    "house": {
        "bass": ("saw_bass", "square_bass", "sub", "fm_bass", "fingered_bass"),
        "chord": ("stab", "fm_piano", "rhodes", "drawbar", "piano", "supersaw", "poly"),
        "lead": ("pluck_lead", "sine_lead", "square_lead", "vibes", "saw_lead", "bell"),
        "texture": ("warm_pad", "strings", "soft_pad"),
        "kit": ("909", "909", "808"),
    },
    "techno": {
        "bass": ("acid", "sub", "square_bass", "saw_bass", "reese"),
        "chord": ("stab", "poly", "fm_piano", "supersaw", "bell"),
        "lead": ("pluck_lead", "square_lead", "bell", "saw_lead"),
        "texture": ("warm_pad", "soft_pad", "glass_pad"),
        "kit": ("909", "techno", "techno"),
    },
    "drum_and_bass": {
        "bass": ("reese", "reese", "sub", "saw_bass", "fm_bass"),
        "chord": ("warm_pad", "rhodes", "fm_piano", "supersaw", "strings", "piano"),
        "lead": ("sine_lead", "pluck_lead", "bell", "flute", "square_lead"),
        "texture": ("warm_pad", "voices", "slow_strings", "glass_pad"),
        "kit": ("acoustic", "909", "techno"),
    },
    "ambient": {
        "bass": ("sub", "soft_pad", "fretless_bass"),
        "chord": ("warm_pad", "glass_pad", "soft_pad", "slow_strings", "voices", "rhodes", "piano"),
        "lead": ("bell", "sine_lead", "flute_lead", "harp", "music_box", "flute", "glass_pad"),
        "texture": ("glass_pad", "warm_pad", "slow_strings", "voices"),
        "kit": ("808", "lofi"),
    },
    "lofi": {
        "bass": ("fingered_bass", "sub", "acoustic_bass", "fretless_bass"),
        "chord": ("rhodes", "fm_piano", "legend", "piano", "jazz_guitar", "tine", "vibes"),
        "lead": ("vibes", "jazz_guitar", "sine_lead", "music_box", "harp", "flute", "fm_piano"),
        "texture": ("soft_pad", "warm_pad", "voices"),
        "kit": ("lofi", "lofi", "acoustic"),
    },
    "trap": {
        "bass": ("long_808", "long_808", "sub"),
        "chord": ("bell", "warm_pad", "piano", "supersaw", "voices", "plucked", "soft_pad"),
        "lead": ("bell", "pluck_lead", "music_box", "flute", "harp", "square_lead", "sine_lead"),
        "texture": ("voices", "glass_pad", "warm_pad"),
        "kit": ("808",),
    },
    "disco": {
        "bass": ("fingered_bass", "slap_bass", "saw_bass", "square_bass"),
        "chord": ("clean_guitar", "rhodes", "piano", "clav", "strings", "poly", "brass"),
        "lead": ("brass", "strings", "saw_lead", "flute", "square_lead", "clean_guitar"),
        "texture": ("strings", "synth_strings", "warm_pad"),
        "kit": ("acoustic", "909"),
    },
    "synthwave": {
        "bass": ("saw_bass", "square_bass", "fm_bass", "acid"),
        "chord": ("supersaw", "poly", "warm_pad", "synth_strings", "brass"),
        "lead": ("saw_lead", "square_lead", "pluck_lead", "bell", "sine_lead"),
        "texture": ("warm_pad", "synth_strings", "supersaw"),
        "kit": ("909", "808", "909"),
    },
    "funk": {
        "bass": ("slap_bass", "fingered_bass", "square_bass", "fm_bass"),
        "chord": ("clav", "clean_guitar", "drawbar", "rhodes", "brass", "piano"),
        "lead": ("sax", "trumpet", "square_lead", "clav", "saw_lead", "brass", "clean_guitar"),
        "texture": ("strings", "drawbar", "warm_pad"),
        "kit": ("acoustic", "acoustic", "lofi"),
    },
    "jazz": {
        "bass": ("acoustic_bass", "acoustic_bass", "fretless_bass"),
        "chord": ("piano", "rhodes", "jazz_guitar", "vibes", "drawbar"),
        "lead": ("sax", "trumpet", "vibes", "flute", "jazz_guitar", "piano"),
        "texture": ("slow_strings", "soft_pad"),
        "kit": ("acoustic",),
    },
    "dub": {
        "bass": ("round_bass", "round_bass", "sub", "fingered_bass"),
        "chord": ("skank", "drawbar", "skank", "clean_guitar", "piano", "rhodes", "stab"),
        "lead": ("melodica", "melodica", "flute_lead", "trumpet", "square_lead", "drawbar", "sax"),
        "texture": ("soft_pad", "drawbar", "warm_pad"),
        "kit": ("dub", "dub", "808"),
    },
    "breakbeat": {
        "bass": ("acid", "fingered_bass", "saw_bass", "reese", "square_bass", "slap_bass"),
        "chord": ("stab", "drawbar", "rhodes", "crunch_guitar", "clav", "poly", "brass"),
        "lead": ("square_lead", "saw_lead", "lead_guitar", "pluck_lead", "brass", "vibes"),
        "texture": ("warm_pad", "strings", "supersaw"),
        "kit": ("breaks", "breaks", "909"),
    },
    "downtempo": {
        "bass": ("round_bass", "fretless_bass", "sub", "acoustic_bass", "fingered_bass"),
        "chord": ("rhodes", "legend", "piano", "vibes", "tremolo", "strings", "jazz_guitar", "fm_piano"),
        "lead": ("trumpet", "vibes", "sine_lead", "jazz_guitar", "flute", "cello", "clarinet", "kalimba"),
        "texture": ("slow_strings", "soft_pad", "voices", "warm_pad"),
        "kit": ("lofi", "breaks", "dub"),
    },
    "orchestral": {
        "bass": ("contrabass", "contrabass", "cello", "tuba"),
        "chord": ("strings", "strings", "tremolo", "slow_strings", "horns", "brass", "concert_harp", "voices"),
        "lead": ("violin", "flute", "oboe", "clarinet", "horns", "open_trumpet", "cello", "concert_harp"),
        "texture": ("slow_strings", "voices", "tremolo", "horns"),
        "kit": ("orchestral",),
    },
    "rock": {
        "bass": ("picked_bass", "picked_bass", "fingered_bass"),
        "chord": ("power_guitar", "power_guitar", "crunch_guitar", "crunch_guitar", "clean_guitar", "drawbar"),
        "lead": ("lead_guitar", "lead_guitar", "crunch_guitar", "drawbar", "piano"),
        "texture": ("drawbar", "strings", "warm_pad"),
        "kit": ("rock", "rock", "acoustic"),
    },
    "afrobeat": {
        "bass": ("fingered_bass", "picked_bass", "acoustic_bass", "round_bass"),
        "chord": ("skank", "clean_guitar", "skank", "rhodes", "drawbar", "clav"),
        "lead": ("brass", "sax", "open_trumpet", "alto_sax", "drawbar", "clean_guitar", "kalimba"),
        "texture": ("drawbar", "warm_pad"),
        "kit": ("afro",),
    },
}
SAMPLED_DRUMS = {
    "lofi": 0.4, "jazz": 0.75, "funk": 0.6, "disco": 0.5, "drum_and_bass": 0.5, "trap": 0.2, "dub": 0.4,
    "breakbeat": 0.6, "downtempo": 0.45, "orchestral": 0.6, "rock": 0.7, "afrobeat": 0.7,
}  # fmt: skip
"""Chance that a drum voice is a sample, 0.25 for genres that are not named."""


def patch_names(genre: str, part: str, *, held_out: bool) -> tuple[str, ...]:
    """Return the patches that a genre may use for a tonal part. [any]"""
    return _HELD_OUT[part] if held_out else CHOICES[genre][part]
