"""The lexicon of styles: what performers call things, and what it means in genres and moods. [any]

Hand-written phrases for every genre (subgenres, scenes, eras, instruments, how people describe it), words for moods
with the values they ask for, and names of music outside our genres with the nearest ones inside. The style head is
trained on these and on combinations of them; `held_out` keeps a fixed fifth of the phrases for judging it.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

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
}

_PHRASES: dict[str, str] = {
    "house": """house, house music, deep house, soulful house, Chicago house, tech house, progressive house, acid
        house, garage house, piano house, vocal house, Ibiza house, French house, filter house, afro house, tribal
        house, organic house, melodic house, jackin house, bassline house, minimal house, funky house, UK garage,
        two-step garage, New York garage, ballroom vogue beats, warm club groove with a four on the floor kick,
        uplifting dance piano chords, sunset beach club set, poolside dance music, rooftop party groove, hands in the
        air piano anthem, off-beat open hats and organ stabs, organ bass and claps on two and four, late night deep
        dance floor with warm Rhodes chords, 909 drums and soulful chords, Sunday afternoon terrace, Balearic beat,
        EDM, big room dance anthem, club music, dance music for the weekend, a DJ in Ibiza at sunset, the Warehouse in
        Chicago in 1986, gospel chords over a four to the floor beat, chord stabs and shuffled hats, a warm summer
        night at the club, feel-good dance floor, electronic dance pop, slap house, amapiano, gqom, log drum and
        shakers, South African dance music, tropical house, deep and groovy for dancing""",
    "techno": """techno, Detroit techno, Berlin techno, minimal techno, dub techno, hard techno, industrial
        techno, acid techno, peak time techno, melodic techno, hypnotic techno, warehouse techno, dark techno, raw
        techno, schranz, trance, psytrance, Goa trance, hard trance, electro, EBM, hardcore rave, gabber, minimal, 303
        acid line, relentless pounding kick drum, rumbling low end and metallic percussion, dark warehouse rave at
        four in the morning, concrete basement club, strobe lights and fog, machine rhythm, hypnotic repetitive loop,
        hammering 909 kick, mechanical pulse, cold industrial machines, Berlin nightclub at dawn, Detroit machine
        soul, factory noise beat, squelching acid bassline, a dark tunnel with a pounding beat, underground rave,
        driving peak time club, modular synthesizer sequences with a straight kick, robotic rhythm, hard pounding four
        on the floor, stern monotone stabs, dubbed-out chords over a steady thump, arpeggiated trance lead, rave
        stabs, cyber rave, relentless and hypnotic, steel and concrete, a bunker in Berlin, noise and distortion with
        a kick drum, sweaty basement at 135 bpm, futuristic machine funk, metallic hits and drones with a pulse""",
    "drum_and_bass": """drum and bass, drum & bass, drum n bass, dnb, d&b, jungle, liquid drum and bass, liquid
        dnb, neurofunk, jump up, ragga jungle, atmospheric drum and bass, techstep, darkstep, halftime drum and bass,
        breakbeat, breakbeats, breakcore, amen break, chopped amen breaks, rolling breaks and reese bass, 174 bpm
        breaks, fast breakbeats with a deep sub bass, frantic chopped drums, London pirate radio 1994, jungle is
        massive, rolling bassline with fast drums, growling reese bass, rapid-fire snares, soaring liquid rollers,
        Bristol bass music, hyperspeed drum loops, intelligent drum and bass, junglist, fast syncopated drums with
        soulful vocals, double-time breaks, heavy bass at 170 beats a minute, big beat, drumfunk, footwork, juke,
        speed garage breaks, rave breaks from the nineties, old school hardcore breaks, think break cut up at high
        speed, a chase scene with fast broken drums, high-speed broken beat, rollers for a Bristol basement, sped-up
        funk drum breaks, fast and furious broken drums, dubwise jungle, wobbling bass under racing drums, drum solo
        at twice the speed, heavy metal energy at full speed""",
    "ambient": """ambient, ambient music, dark ambient, drone, drone music, space music, new age, meditation
        music, generative ambient, music for airports, soundscape, atmospheric pads, floating pads, sound bath, spa
        music, sleep music, deep relaxation, yoga music, calm background drones, endless reverb, slow evolving
        textures, beatless, no drums, weightless, oceanic swells, field recordings and pads, rain forest atmosphere,
        deep space, floating in space, underwater dream, misty mountains at dawn, northern lights, glacier, Iceland,
        Tibetan singing bowls, choir pads in a cathedral, whispering wind, film score strings, slow cinematic strings,
        neoclassical piano and strings, modern classical, minimal piano and reverb, cinematic soundscape, shoegaze
        wash, soft synthesizer clouds, stillness, a frozen lake at night, gentle shimmering textures, healing
        frequencies, tape loops slowly falling apart, nebula, weightless drifting through fog, infinite calm, ethereal
        voices, post-rock swell, vast empty desert, stars at night, silence and slow chords, breathing exercise,
        orchestral""",
    "lofi": """lofi, lo-fi, lofi hip hop, lo-fi beats, chillhop, lofi beats to study to, study beats, chill beats,
        boom bap, jazzhop, old school hip hop, instrumental hip hop, trip hop, downtempo, bedroom beats, beat tape,
        dusty vinyl crackle, dusty drum loop, tape hiss and soft piano, mellow Rhodes with crackling vinyl, rainy day
        coffee shop, cafe study session, girl studying by the window, late night homework, sleepy beats, nostalgic
        cassette, warbly tape keys, warm and fuzzy boom bap, SP-404 beats, MPC drums with jazz samples, head-nod
        beats, chilled out and cozy, Sunday morning coffee, rain on the window, slow relaxed hip hop groove, nineties
        New York rap instrumental, smoky slow beats from Bristol, vinyl record hip hop, laid-back swing drums, sampled
        jazz piano over a dusty break, mellow guitar and brushed beat, anime nostalgia, cosy bedroom, chill, chillout,
        chill vibes, relaxing beats, golden era rap, soft muffled drums, reading a book with tea, Japanese city at
        night in the rain, old Walkman, worn-out tape, neo soul beats, slow jam, reggae, dub reggae""",
    "trap": """trap, trap beat, Atlanta trap, southern rap, 808s, booming 808 bass, sliding 808s, rolling hi-hats,
        rattling hi-hat triplets, hi-hat rolls, drill, UK drill, Chicago drill, Brooklyn drill, phonk, cloud rap,
        plugg, rage beat, dark trap, melodic trap, Latin trap, reggaeton, hip hop, modern hip hop, rap beat, rap
        instrumental, type beat, Memphis rap, crunk, gangsta rap, hard street beat, gritty rap, mumble rap, emo rap,
        dubstep, future bass, half-time beat with sub bass, distorted 808, dark bells and 808s, flute and hard 808s,
        menacing piano with rolling hats, trunk-rattling bass, snare on three with hat rolls, Atlanta in 2016, moody
        autotune, street anthem, lean and slow, grime, R&B, trap soul, slow heavy sub bass drops, ominous bell melody,
        skittering hi-hats, hats in triplets over a slow kick, moombahton, dembow, hard rap drums, a lowrider with
        huge subwoofers, bass that shakes the car, gothic choir over 808 drums, stuttering hats""",
    "disco": """disco, nu disco, Italo disco, space disco, cosmic disco, disco funk, boogie, eurodisco, Philly
        soul, Studio 54, seventies disco, 70s dance floor, mirror ball, disco ball, glitter ball, roller disco, roller
        skating party, strings and four on the floor, octave bass line, octave bassline with string stabs, wah guitar
        and lush strings, disco diva, Saturday night, bell-bottom trousers, Philadelphia strings, glamorous seventies
        nightclub, New York 1977, sparkling strings over a dancing bass, hi-hat on every off-beat, disco house, French
        touch, retro dance party, glam dance pop, funky strings and hand claps, hustle dance, platform shoes and
        sequins, champagne and glitter, dance like it is 1978, disco strings, wedding dance party, cosmic arpeggios
        with a disco beat, Italian disco from Rimini, Munich disco sequencer, high hat and octaves, joyful vintage
        dance music, pop music, seventies soul with violins, orchestral dance groove, feel-good boogie, Paris filtered
        loops, a shiny mirrored dance floor, Latin disco, festive carnival dance""",
    "synthwave": """synthwave, retrowave, outrun, darksynth, dreamwave, vaporwave, chillwave, synth pop, synthpop,
        new wave, new romantic, eighties, 80s synths, 1980s soundtrack, eighties action film, retro synth, neon
        lights, neon city, night drive, driving a sports car through the neon night, Miami 1985, cyberpunk, cyberpunk
        city, retro future, VHS, arcade, arcade video game, retro gaming, chiptune, 8-bit, analog arpeggios, pulsing
        synth bass with gated snare, gated reverb drums, palm trees at sunset, purple grid horizon, science fiction
        film from 1982, slow horror synth score, horror film synthesizers, laser grid, Juno pads, DX7 bells, analog
        brass and arpeggiators, Tokyo neon rain 2049, dystopian future city, replicants in the rain, Kids on bikes
        chased by monsters, electro pop, darkwave, coldwave, post-punk synths, krautrock, motorik and sequencers,
        Berlin school sequencer, turbo racing at night, chrome and sunset, LinnDrum, lonely highway at midnight,
        shopping mall 1987, teen film prom 1986, power ballad, eighties rock, soundtrack synth""",
    "funk": """funk, funky, P-funk, G-funk, deep funk, New Orleans funk, jazz funk, electro funk, funk rock, slap
        bass, slap bass groove, clavinet groove, wah-wah guitar, chicken scratch guitar, tight horn section, horn
        stabs, syncopated bass line, on the one, soul, Motown, Memphis soul, Stax soul, rhythm and blues, Minneapolis
        funk, blaxploitation soundtrack, seventies cop show theme, car chase in San Francisco 1973, bass player
        slapping and popping, sixteenth note guitar, greasy organ groove, second line drums, afrobeat, Lagos 1974,
        Afro-funk, talk box, breakdance party, rubbery bass, deep pocket drummer, ghost notes and clavinet, tight
        syncopated rhythm section, gritty southern soul, sweaty groove band, brass and bass, go-go, boogaloo, rare
        groove, soul brother, funky drummer, syncopated clav riff, dirty bass groove, street party band, rock, blues
        rock, guitar riff, Latin rock, samba funk, marching brass band, a band locked in the pocket, cheeky strutting
        bass, hard-hitting soul revue, hip-shaking groove""",
    "jazz": """jazz, bebop, swing, big band, cool jazz, hard bop, modal jazz, smooth jazz, free jazz, jazz trio,
        piano trio, jazz quartet, jazz fusion, nu jazz, acid jazz, gypsy jazz, Latin jazz, bossa nova, samba, ragtime,
        Dixieland, jazz ballad, jazz waltz, walking bass, upright bass and brushes, double bass, saxophone solo,
        trumpet with a mute, ride cymbal swing, brushes on a snare, smoky jazz club, Blue Note 1959, New York jazz
        cellar, late night lounge piano, cocktail lounge, hotel bar pianist, film noir, detective in the rain, swing
        dance, Harlem in the thirties, Paris jazz cafe, New Orleans trumpet, improvised saxophone, complex chords and
        swing, two five one, extended chords, vibraphone, Hammond organ trio, jazz guitar, Rio de Janeiro beach
        guitar, blues, slow blues, torch song, crooner, standards, scat singing, a trio playing after midnight, jam
        session, Ethio-jazz, salsa, mambo, tango, bluesy piano, ballroom swing, Christmas jazz, dinner jazz, swinging
        drums""",
}

# Moods in tenths (density, brightness, space, drive), "-" where the word says nothing.
_MOODS: dict[str, str] = {
    "9---": "busy, dense, full, packed, complex, intricate, hectic, crowded, layered, many notes, chaotic",
    "1---": "sparse, minimal, stripped down, simple, few notes, empty, bare, uncluttered, skeletal, understated",
    "-9--": "bright, shiny, crisp, sparkling, brilliant, glittering, airy and bright, sunny, clear, happy",
    "-1--": "dark, murky, muffled, dull, dim, shadowy, gloomy, muted, warm and dark, sombre, sinister, underground",
    "--9-": "spacious, wide, huge reverb, cavernous, echoing, distant, roomy, vast, washed in reverb",
    "--1-": "dry, close, intimate, tight, in your face, no reverb, up close, direct, small room",
    "---9": "driving, energetic, aggressive, intense, powerful, pounding, hard, heavy, furious, high energy, wild",
    "---1": "gentle, soft, calm, relaxed, quiet, mellow, peaceful, tender, soothing, delicate, lazy, restful",
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
_TEMPLATES_BLEND = (
    "{g} meets {h}",
    "{g} mixed with {h}",
    "half {g}, half {h}",
    "{g} and {h}",
    "{g} with a touch of {h}",
)


def _split(text: str) -> tuple[str, ...]:
    return tuple(" ".join(phrase.split()) for phrase in text.split(",") if phrase.strip())


GENRE_PHRASES: dict[str, tuple[str, ...]] = {genre: _split(text) for genre, text in _PHRASES.items()}
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
                    said = dict(MOOD_PHRASES[m])
                    if "{n}" in template:
                        for mood, value in MOOD_PHRASES[n].items():
                            said[mood] = (said[mood] + value) / 2 if mood in said else value
                    yield template.format(g=phrase, m=m, n=n), Meaning({genre: 1.0}, said)
                else:
                    other = rng.choice([g for g in GENRES if g != genre])
                    text = rng.choice(_TEMPLATES_BLEND).format(g=phrase, h=rng.choice(known[other]))
                    yield text, Meaning({genre: 0.5, other: 0.5}, {})
    for phrase in moods:
        for template in ("{m}", "something {m}", "make it more {m}", "{m} music"):
            yield template.format(m=phrase), Meaning({}, MOOD_PHRASES[phrase])


def held_out_phrases() -> list[tuple[str, str]]:
    """Return (phrase, genre) of what training never sees. [any]"""
    return [(phrase, genre) for genre, phrases in GENRE_PHRASES.items() for phrase in phrases if held_out(phrase)]
