"""The renderer: a piece of score tokens becomes 48 kHz stereo, patches and a mix chosen for its genre. [any]

Everything random (patches, kit, velocities, the room) comes from a generator made from the piece's seed.
Uses a SoundFont and one-shot drums where they are installed, synthesisers alone where they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from legando.engines.score import DRUM_VOICES, TEXTURE, TEXTURES, Hit, Note, read_score
from legando.engines.timeline import swung
from legando.engines.training.music import drums, mix, soundfont
from legando.engines.training.music.composer import Piece
from legando.engines.training.music.patches import CHOICES, PATCHES, SAMPLED_DRUMS, Patch, patch_names
from legando.engines.training.music.synths import SAMPLE_RATE, clear_cache, play
from legando.realtime.controls import GENRE_SLOTS, GENRES, TICK_S_AT_1_BPM

Audio = NDArray[np.float32]
TONAL = ("bass", "chord", "lead", "texture")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixPlan:
    """Levels in dB against the kick (loudest 50 ms), the side chain's depth, the share of the reverb.

    `throw` is the level of dub's tape echo and spring reverb, `smash` how far the drums are driven into their limit.
    """

    drums_db: float = 0.0
    bass_db: float = -3.0
    chord_db: float = -7.0
    lead_db: float = -6.5
    texture_db: float = -13.0
    duck: float = 0.0
    room: float = 1.0
    echo: float = 0.15
    throw: float = 0.0
    smash: float = 0.0


MIXES: dict[str, MixPlan] = {
    "house": MixPlan(duck=0.65, echo=0.2),
    "techno": MixPlan(duck=0.55, bass_db=-4.0, chord_db=-8.0, lead_db=-8.0, echo=0.3),
    "drum_and_bass": MixPlan(duck=0.3, bass_db=-2.5, chord_db=-8.5, drums_db=0.5),
    "ambient": MixPlan(drums_db=-6.0, bass_db=-6.0, chord_db=-5.0, lead_db=-5.5, texture_db=-9.0, room=1.8, echo=0.35),
    "lofi": MixPlan(duck=0.2, drums_db=-1.0, chord_db=-5.5, lead_db=-6.5),
    "trap": MixPlan(bass_db=-1.0, chord_db=-8.0, duck=0.15, echo=0.25),
    "disco": MixPlan(duck=0.2, chord_db=-6.5, texture_db=-11.0),
    "synthwave": MixPlan(duck=0.3, chord_db=-7.0, lead_db=-5.5, texture_db=-12.0, room=1.3, echo=0.3),
    "funk": MixPlan(bass_db=-2.0, chord_db=-6.5, lead_db=-6.0, room=0.7),
    "jazz": MixPlan(drums_db=-4.0, bass_db=-3.5, chord_db=-4.5, lead_db=-3.0, room=0.8, echo=0.05),
    "dub": MixPlan(bass_db=-1.5, chord_db=-6.0, lead_db=-7.0, texture_db=-14.0, room=0.7, echo=0.3, throw=1.0),
    "breakbeat": MixPlan(drums_db=1.0, bass_db=-3.0, chord_db=-8.0, lead_db=-7.5, room=0.7, smash=0.6),
    "downtempo": MixPlan(bass_db=-1.5, chord_db=-6.5, lead_db=-6.0, texture_db=-10.5, room=1.3, echo=0.25, smash=0.25),
    "orchestral": MixPlan(
        drums_db=-3.0, bass_db=-4.5, chord_db=-3.5, lead_db=-3.5, texture_db=-8.0, room=1.5, echo=0.0
    ),
    "rock": MixPlan(drums_db=1.0, bass_db=-3.0, chord_db=-4.0, lead_db=-4.0, room=0.8, echo=0.1, smash=0.4),
    "afrobeat": MixPlan(bass_db=-2.5, chord_db=-6.5, lead_db=-4.5, room=0.75, echo=0.1, smash=0.15),
}
_VOICE_DB = {
    "kick": 0.0, "snare": -2.0, "ghost": -4.0, "clap": -4.0,
    "hat": -11.0, "open_hat": -10.0, "tom": -3.5, "cymbal": -9.0,
}  # fmt: skip
_PANS = {"hat": 0.25, "open_hat": 0.25, "tom": -0.3, "cymbal": -0.35, "clap": 0.05, "ghost": 0.05}
_REVERB = {"bass": 0.0, "chord": 0.35, "lead": 0.4, "texture": 0.6}


def tick_to_seconds(tick: float, tempo_bpm: float, swing: float) -> float:
    """Return when a tick sounds: sixteenths from the start, whole odd ones later by swing times a tick. [any]"""
    return swung(tick, swing) * TICK_S_AT_1_BPM / tempo_bpm


def piece_frames(piece: Piece) -> int:
    """Return the length of a piece in frames at 48 kHz. [any]"""
    return round(len(piece.score) * TICK_S_AT_1_BPM / piece.tempo_bpm * SAMPLE_RATE)


def _frame(piece: Piece, tick: float) -> int:
    return round(tick_to_seconds(tick, piece.tempo_bpm, piece.swing) * SAMPLE_RATE)


def _genre_for(piece: Piece, rng: np.random.Generator) -> str:
    """Draw a genre by the weights of the style, so that blends borrow sounds."""
    weights = np.clip(np.array(piece.style[: len(GENRES)]), 0.0, None)
    at = rng.random() * 0.999999
    if weights.sum() <= 0.0:
        return piece.genre
    return GENRES[int(np.searchsorted(np.cumsum(weights / weights.sum()), at, side="right"))]


def choose_patches(piece: Piece, *, held_out: bool = False) -> dict[str, str]:
    """Return the name of the patch that each tonal part of a piece plays. [any]"""
    rng = np.random.default_rng([piece.seed, 1])
    out: dict[str, str] = {}
    for part in TONAL:
        names = patch_names(_genre_for(piece, rng), part, held_out=held_out)
        out[part] = names[int(rng.integers(len(names)))]
    return out


def _humanise(velocity: float, rng: np.random.Generator) -> float:
    return float(np.clip(velocity * rng.uniform(0.92, 1.08), 0.05, 1.0))


def _tonal(piece: Piece, patch: Patch, notes: Sequence[Note], frames: int, rng: np.random.Generator) -> Audio:
    played = [
        (_frame(piece, n.start_ticks), _frame(piece, n.end_ticks), n.pitch, _humanise(n.velocity, rng)) for n in notes
    ]
    sampled = None
    if patch.program is not None and soundfont.available():
        sampled = soundfont.play_part(patch.program, played, frames)
        if patch.firm == 0.0:
            return mix.amplify(sampled, patch.amp) if patch.amp > 0.0 else sampled
    mono = np.zeros(frames, np.float32)
    for start, end, pitch, velocity in played:
        wave = play(patch.voice, pitch, (end - start) / SAMPLE_RATE, velocity)
        stop = min(frames, start + len(wave))
        mono[start:stop] += wave[: stop - start]
    synthetic = np.stack([mono, mono], axis=1)
    if sampled is not None:
        return mix.level_to(sampled, 0.0) + np.float32(patch.firm) * mix.level_to(synthetic, 0.0)
    return mix.amplify(synthetic, patch.amp) if patch.amp > 0.0 else synthetic


def _drums(piece: Piece, hits: Sequence[Hit], frames: int, rng: np.random.Generator) -> tuple[Audio, Audio]:
    """Return the kick alone and the other voices, panned."""
    genre = _genre_for(piece, rng)
    kits = CHOICES[genre]["kit"]
    kit = drums.make_kit(rng, kits[int(rng.integers(len(kits)))], SAMPLED_DRUMS.get(genre, 0.25), tonic=piece.key[0])
    brightness = piece.style[GENRE_SLOTS + 1]
    lanes: dict[int, NDArray[np.float32]] = {}
    hat, open_hat = DRUM_VOICES.index("hat"), DRUM_VOICES.index("open_hat")
    stops = [_frame(piece, h.start_ticks) for h in hits if h.voice in (hat, open_hat)]
    for hit in hits:
        lane = lanes.setdefault(hit.voice, np.zeros(frames, np.float32))
        start = _frame(piece, hit.start_ticks)
        wave = kit[hit.voice]
        limit = frames
        if hit.voice == open_hat:  # the pedal closes: the next hat cuts this one
            limit = min((s for s in stops if s > start), default=frames)
        stop = min(limit, start + len(wave))
        piece_of = wave[: stop - start] * np.float32(_humanise(hit.velocity, rng))
        if stop == limit and len(piece_of) > 240:
            piece_of[-240:] *= np.linspace(1.0, 0.0, 240, dtype=np.float32)
        lane[start:stop] += piece_of
    kick = np.zeros((frames, 2), np.float32)
    rest = np.zeros((frames, 2), np.float32)
    for voice, lane in sorted(lanes.items()):
        name = DRUM_VOICES[voice]
        gain = _VOICE_DB[name]
        if name in ("hat", "open_hat", "cymbal"):
            gain += 12.0 * (brightness - 0.5)
        lane *= np.float32(mix.decibels(gain))
        if name == "kick":
            kick += lane[:, None]
        else:
            rest += mix.pan(lane, _PANS.get(name, 0.0)) * np.float32(np.sqrt(2.0))
    return kick, rest


def _layer(piece: Piece, frames: int, rng: np.random.Generator) -> Audio:
    """Return the noise layers of the texture part: ambience, vinyl, riser, while their tokens last."""
    out = np.zeros((frames, 2), np.float32)
    tokens = piece.score[:, TEXTURE]
    edges = np.flatnonzero(np.diff(tokens)) + 1
    starts = [0, *edges.tolist()]
    for start_tick, end_tick in zip(starts, [*starts[1:], len(tokens)], strict=True):
        name = TEXTURES[int(tokens[start_tick])]
        start = round(start_tick * TICK_S_AT_1_BPM / piece.tempo_bpm * SAMPLE_RATE)
        stop = min(frames, round(end_tick * TICK_S_AT_1_BPM / piece.tempo_bpm * SAMPLE_RATE))
        length = stop - start
        if length <= 0 or name in ("none", "pad"):
            continue
        white = rng.standard_normal((length, 2)).astype(np.float32)
        t = np.arange(length, dtype=np.float32)[:, None] / SAMPLE_RATE
        if name in ("ambience", "pad_ambience"):
            sway = (0.7 + 0.3 * np.sin(2 * np.pi * 0.11 * t + np.array([0.0, 2.0]))).astype(np.float32)
            wave = mix.high_pass(mix.low_pass(white, 1800.0), 300.0) * sway * np.float32(0.05)
        elif name == "vinyl":
            wave = mix.low_pass(white, 6000.0) * np.float32(0.004)
            clicks = rng.integers(0, length, max(1, int(9 * length / SAMPLE_RATE)))
            ticks = np.zeros((length, 2), np.float32)
            ticks[clicks] = (rng.standard_normal((len(clicks), 1)) * 0.25).astype(np.float32)
            wave += mix.low_pass(ticks, 5000.0)
        else:
            rise = (t / t[-1] if length > 1 else t) ** 2
            low, high = mix.low_pass(white, 1500.0), mix.high_pass(white, 2500.0)
            wave = (low * (1.0 - rise) + high * rise) * rise * np.float32(0.11)
        fade = min(2400, length // 2)
        if fade:
            ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)[:, None]
            wave[:fade] *= ramp
            wave[-fade:] *= ramp[::-1]
        out[start:stop] += wave.astype(np.float32)
    return out


def render_stems(piece: Piece, *, tail_s: float = 0.0, held_out: bool = False) -> dict[str, Audio]:
    """Render the levelled, unmastered stems: kick, drums, bass, chord, lead, texture, layer. [any]"""
    frames = piece_frames(piece) + round(tail_s * SAMPLE_RATE)
    notes, hits = read_score(piece.score)
    rng = np.random.default_rng([piece.seed, 2])
    plan = MIXES[piece.genre]
    brightness, drive = piece.style[GENRE_SLOTS + 1], piece.style[GENRE_SLOTS + 3]
    stems: dict[str, Audio] = {}
    kick, rest = _drums(piece, hits, frames, np.random.default_rng([piece.seed, 3]))
    gain = np.float32(mix.decibels(plan.drums_db))
    rest = mix.low_pass(rest, 2800.0 * 2.0 ** (3.0 * brightness))
    if plan.smash > 0.0:
        push = np.float32(1.0 + 4.0 * plan.smash)
        kick, rest = (np.tanh(push * x) / np.float32(push**0.6) for x in (kick, rest))
    stems["kick"], stems["drums"] = kick * gain, rest * gain
    kicks = [_frame(piece, h.start_ticks) for h in hits if DRUM_VOICES[h.voice] == "kick"]
    dip = mix.duck(frames, kicks, plan.duck, min(0.22, 0.5 * 60.0 / piece.tempo_bpm)) if plan.duck > 0 else None
    cutoff = 900.0 * 2.0 ** (4.3 * brightness)
    clear_cache()
    for part in TONAL:
        own = [n for n in notes if n.part == part]
        patch = PATCHES[choose_patches(piece, held_out=held_out)[part]]
        audio = np.zeros((frames, 2), np.float32)
        if own:
            audio = mix.level_to(_tonal(piece, patch, own, frames, rng), getattr(plan, f"{part}_db"))
            if part == "bass":
                audio = mix.low_pass(np.repeat(audio.mean(axis=1, keepdims=True), 2, axis=1), cutoff * 1.2)
                audio = np.tanh((1.0 + 2.0 * drive) * 1.5 * audio) / np.float32((1.0 + 1.2 * drive) * 1.5)
            else:
                audio = mix.high_pass(mix.low_pass(audio, cutoff), 130.0)
                if part in ("chord", "texture"):
                    audio = mix.chorus(audio)
                audio = mix.level_to(audio, getattr(plan, f"{part}_db"))
            if dip is not None:
                audio = audio * (dip if part != "lead" else 0.5 + 0.5 * dip)[:, None]
        stems[part] = audio.astype(np.float32)
    stems["layer"] = _layer(piece, frames, np.random.default_rng([piece.seed, 4]))
    return stems


def _throw(piece: Piece, stems: dict[str, Audio], space: float, brightness: float) -> Audio:
    """Return dub's hands on the desk: backbeats and skanks thrown into a tape echo, drums into a spring tank."""
    rng = np.random.default_rng([piece.seed, 6])
    frames = len(stems["kick"])
    opened = {"drums": np.zeros(frames, np.float32), "chord": np.full(frames, 0.25, np.float32)}
    for bar in range(len(piece.score) // 16):
        for part, chance in (("drums", 0.45), ("chord", 0.5)):
            if rng.random() < chance:
                tick = 16 * bar + int(rng.choice([4, 6, 8, 10, 12]))
                opened[part][_frame(piece, tick) : _frame(piece, tick + 3)] = 1.0
    gates = {part: np.convolve(gate, np.full(96, 1 / 96, np.float32), "same")[:, None] for part, gate in opened.items()}
    send = (stems["drums"] * gates["drums"] + stems["chord"] * gates["chord"]).astype(np.float32)
    echoes = mix.tape_echo(send, round(3 * TICK_S_AT_1_BPM / piece.tempo_bpm * SAMPLE_RATE), 0.62 + 0.15 * space)
    tank = mix.spring(stems["drums"] * (0.25 + 0.75 * gates["drums"]).astype(np.float32), rng, 0.8 + 1.6 * space)
    return mix.low_pass(echoes + np.float32(0.5) * tank, 2000.0 + 6000.0 * brightness) * np.float32(0.25 + 1.0 * space)


def render(piece: Piece, *, tail_s: float = 0.0, held_out: bool = False) -> Audio:
    """Render a piece: float32 (frames, 2) at 48 kHz, as long as its ticks plus `tail_s`. [any]

    RMS about -16 dB of full scale, peak at most 0.89. `held_out` uses only the patch families that training never sees.
    """
    stems = render_stems(piece, tail_s=tail_s, held_out=held_out)
    plan = MIXES[piece.genre]
    brightness, space, drive = piece.style[GENRE_SLOTS + 1 : GENRE_SLOTS + 4]
    rng = np.random.default_rng([piece.seed, 5])
    dry = sum(stems.values(), np.zeros_like(stems["kick"]))
    send = stems["drums"] * np.float32(0.12)
    for part, share in _REVERB.items():
        send = send + stems[part] * np.float32(share)
    wet = mix.reverb(send, rng, 0.5 + 3.0 * space * min(plan.room, 1.4), 2500.0 + 7000.0 * brightness)
    dry = dry + wet * np.float32(1.6 * plan.room * space**1.3)
    if plan.echo > 0.05 and space > 0.2 and np.any(stems["lead"]):
        dotted = round(3 * TICK_S_AT_1_BPM / piece.tempo_bpm * SAMPLE_RATE)
        dry = dry + mix.echo(stems["lead"], dotted, 0.5) * np.float32(plan.echo * 1.5 * space)
    if plan.throw > 0.0:
        dry = dry + np.float32(plan.throw) * _throw(piece, stems, space, brightness)
    return mix.master(mix.low_pass(dry.astype(np.float32), 4000.0 * 2.0 ** (2.4 * brightness)), drive)
