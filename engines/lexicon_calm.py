"""The phrases of the lexicon, slow genres: how people name and describe them. [any]

Subgenres, scenes, places and years, instruments, occasions, pictures; also music outside our genres, under the nearest.
"""

PHRASES: dict[str, str] = {
    "ambient": """ambient, ambient music, dark ambient, drone, drone music, space music, new age, meditation music,
        generative ambient, music for airports, soundscape, atmospheric pads, floating pads, sound bath, spa music,
        sleep music, deep relaxation, yoga music, calm background drones, endless reverb, slow evolving textures,
        beatless, no drums, weightless, oceanic swells, field recordings and pads, rain forest atmosphere, deep space,
        floating in space, underwater dream, misty mountains at dawn, northern lights, glacier, Iceland, Tibetan
        singing bowls, choir pads in a cathedral, whispering wind, minimal piano and reverb, cinematic soundscape, soft
        synthesizer clouds, stillness, a frozen lake at night, gentle shimmering textures, healing frequencies, tape
        loops slowly falling apart, nebula, weightless drifting through fog, infinite calm, ethereal voices, vast empty
        desert, stars at night, silence and slow chords, breathing exercise, ambient drone, ambient pads, floating
        through clouds, very slow music without rhythm, no beat, beatless pads, calm music for sleeping, lullaby for
        falling asleep, music for meditation, breathing slowly, airport lounge drift, slow strings and long reverb,
        whale song, ocean waves, wind over snow, a quiet temple, monks chanting, gong bath, glowing mist, deep sea,
        astronaut drifting away, galaxies, aurora, morning fog in a forest, endless drone, still water, tone clouds,
        shimmer reverb, contemplative piano, floating, sleep, relaxation, calm, peaceful nature, Eno, ambient textures,
        drones and bells, slow pads, slow drifting chords, glacial, icy drones, warm drones, tape drones, granular
        clouds, piano and drone, ambient piano, ambient guitar, guitar swells, deep listening, sleeping baby, bedtime,
        nap, meditation, mindfulness, yoga, yoga nidra, reiki, healing, spa, massage, sauna, prayer, temple bells, zen
        garden, Japanese garden, bamboo flute, shakuhachi, singing bowls, crystal bowls, wind chimes, rain, rain and
        thunder, ocean, sea, sea at night, waves, river, forest, forest at dawn, birdsong, mountains, desert at night,
        desert, snow, snowfall, winter, fog, mist, clouds, sky, moon, moonlight, stars, planets, space, outer space,
        cosmos, galaxy, black hole, satellite, space station, Mars, lost in space, planetarium, underwater, deep ocean,
        whale, jellyfish, dream, dreams, dreaming, memory, memories, infinity, eternity, nothing, void, emptiness,
        solitude, loneliness, silence, quiet, still, peace, serenity, heaven, angels, art gallery, museum,
        installation, waiting room, background music, no rhythm, without rhythm, without drums, no percussion,
        isolationist drones, haunted house drones, dungeon, cave, ruins""",
    "lofi": """lofi, lo-fi, lofi hip hop, lo-fi beats, chillhop, lofi beats to study to, study beats, chill beats, boom
        bap, jazzhop, old school hip hop, instrumental hip hop, bedroom beats, beat tape, dusty vinyl crackle, dusty
        drum loop, tape hiss and soft piano, mellow Rhodes with crackling vinyl, rainy day coffee shop, cafe study
        session, girl studying by the window, late night homework, sleepy beats, nostalgic cassette, warbly tape keys,
        warm and fuzzy boom bap, SP-404 beats, MPC drums with jazz samples, head-nod beats, chilled out and cozy,
        Sunday morning coffee, rain on the window, slow relaxed hip hop groove, nineties New York rap instrumental,
        vinyl record hip hop, laid-back swing drums, sampled jazz piano over a dusty break, mellow guitar and brushed
        beat, anime nostalgia, cosy bedroom, chill, chill vibes, relaxing beats, golden era rap, soft muffled drums,
        reading a book with tea, Japanese city at night in the rain, old Walkman, worn-out tape, neo soul beats, slow
        jam, lofi beat, lofi piano, lofi guitar, mellow hip hop with vinyl noise, dusty drums, crackling record, study
        music, homework playlist, focus music with soft beats, cosy coffee shop beats, lazy Sunday beats, tape
        saturation and soft drums, nineties boom bap, underground hip hop, jazzy hip hop, conscious rap, laid-back
        beats, rainy window, sleepy Rhodes, cat nap, slow head-nodding groove, old tape recorder, muffled drums,
        bedroom producer, warm and dusty, lazy afternoon, nostalgic beats, chilled piano, soft beat, lofi chill, lo-fi
        chill, lofi jazz, lofi study, lo-fi hip-hop, hip hop instrumental, Dilla beats, Dilla swing, Nujabes style,
        jazzy boom bap, old school rap, nineties hip hop, nineties rap, golden age hip hop, Queens 1994, Brooklyn
        stoop, east coast hip hop, west coast boom bap, crate digging, sampler beats, SP-1200, MPC, vinyl, vinyl
        crackle, crackle, tape, cassette, cassette tape, studying, study, homework, reading, library, exam week, focus,
        concentration, concentrating, coding at night, programming, working from home, office, coffee, coffee shop,
        coffee house, cafe, tea, bakery, breakfast, cooking dinner, cat on the sofa, cat, blanket, fireplace and
        blankets, rainy evening, rainy night, autumn leaves, autumn, November, bookshop, train window, bus ride home,
        drawing, journaling, Tokyo, Tokyo bedroom, Kyoto, Shibuya at night, anime, slice of life anime, pixel art
        bedroom, cosy game, farming game, animal village game, plants on the windowsill, relaxing, relaxed hip hop,
        lazy morning, lazy, drowsy, hazy, nostalgia, childhood, old photographs, polaroid, sunday, Sunday morning""",
    "downtempo": """trip hop, downtempo, Bristol trip hop, smoky slow beats from Bristol, chillout, stoned groove,
        down-tempo, chill out, chill-out lounge, chillout lounge, chillout room, lounge, lounge music, lounge
        electronica, electronica, organic downtempo, ethnic downtempo, oriental downtempo, tribal downtempo, desert
        caravan groove, slow electronic groove, slow electronic beat, slow sensual groove, sensual, sexy slow beat,
        seductive, bedroom slow burn, slow burning groove with strings, trip-hop, trip hop beat, dark trip hop, noir
        trip hop, trip hop with strings, cinematic trip hop, Bristol sound, Bristol 1994, Bristol in the rain, slow
        breakbeat with deep bass, slow heavy breakbeat, slow smoky breakbeat, slow drums and spy guitar, slow drums and
        theremin, haunted slow beat, smoky and sultry, sultry night groove, heavy-lidded beats, opium den, velvet
        curtains and cigarette smoke, red light and slow bass, hotel lobby, boutique hotel lobby, cocktail bar at
        night, rooftop bar at night, wine bar, elegant lounge, ice bar, Buddha lounge, Cafe on the beach at sunset,
        sunset chill in Ibiza, Ibiza chillout, Balearic chillout, after the rave, comedown, morning after the party,
        coming down at sunrise, Vienna downtempo, Viennese lounge 1998, Paris lounge, French downtempo, moon safari,
        spaced-out slow groove, dreamy slow groove, mid-tempo electronica, folktronica, psychill, psybient, psychedelic
        chill, slow psychedelic journey, chill electronica, leftfield electronica, leftfield beats, Ninja beats,
        abstract hip hop, instrumental trip hop, slow-mo house, 90 bpm electronica, slow groove at ninety, sitar and
        slow beats, tabla and deep bass, oud and slow electronic beat, duduk over a slow beat, eastern strings and a
        slow beat, handpan groove, hang drum, handpan and soft percussion, kalimba and soft beats, shamanic slow
        groove, jungle temple groove, Burning Man at sunrise, desert festival sunrise, campfire in the desert, slow
        caravan under the stars, driving slowly through a city at night, city lights through a taxi window, empty metro
        at midnight, slow motion, slow motion swim, underwater groove, submarine, aquarium, slow dub-tinged groove,
        bass guitar and slow drums with Rhodes, Rhodes and slow breakbeat, upright bass loop and slow drums, spy film
        guitar, spy lounge, detective groove, torch singer over slow beats, melancholy beats, heavy slow beat with
        scratches, massage room, spa with a beat, yoga flow with gentle beat, tantric, incense and candles, chill beats
        with world instruments, global lounge, Bollywood chill, Asian underground, nu soul electronica, chilled
        electronic pop, slow synth groove, chilled synth groove, downtempo beat, downtempo groove, downbeat, mellow
        electronica, soft electronic beats with strings, blissed-out, bliss, floating beat, relaxed electronic groove,
        late night electronica, introspective electronica, wistful electronic song, slow and hypnotic groove, slow funk
        for the small hours, unhurried, mid-tempo chill, sofa, a long bath, wandering through a night market""",
    "dub": """reggae, dub reggae, dub, reggae bassline, rocksteady, ska, dancehall, roots reggae, lovers rock,
        steppers, steppas dub, UK dub, digital dub, heavy dub, dubwise, dub music, dub sound system, sound system
        culture, Kingston 1975, Jamaica, Kingston Jamaica, Jamaican sound system at night, one drop, one drop drums,
        rockers rhythm, nyabinghi drums, melodica over a heavy bassline, melodica and echo, spring reverb, tape echo,
        tape delay feedback, echo chamber, space echo, siren and dub echoes, dub siren, skank guitar, off-beat guitar
        chops, skanking organ bubble, organ skank, bubbling organ, off-beat chords with echo, offbeat skank, rimshot
        with long delay, snare shots that echo into nothing, deep reggae bass, weighty bassline and space, massive sub
        bass with echoing chords, bass heavy and spacious, roots and culture, Rastafarian, rasta, ganja smoke and bass,
        reggae groove, reggae beat, reggae band, reggae rhythm, reggae guitar, reggae drums, slow reggae on the beach,
        reggae on a hot afternoon, Caribbean island, island vibes, beach in Jamaica, hammock and a cold drink, ska with
        off-beat guitar, two tone ska, rude boy, mento, ragga, toasting over a riddim, riddim, bashment, dancehall
        riddim, digital reggae, eighties digital riddim, version B-side, the mixing desk as an instrument, drums and
        bass drop out into echo, instruments fade in and out of delay, dub plate, dubplate pressure, Notting Hill
        carnival sound system, Brixton 1981, London reggae basement, dub poetry, horns drenched in delay, trombone with
        echo, steppers with a flat four kick, meditation on bass and echo, psychedelic dub, ambient dub, space dub, dub
        in outer space, ethno dub, desert dub, dub chords, dub bass, dub bassline, dub beat, dub groove, dub drums, dub
        echo, dub delay, mad professor at the mixing desk, king of dub, bass and drum version, riddim section, echoing
        rimshots, slow skank, laid-back one drop groove, lazy island groove, stoned dub session, smoke and echoes, warm
        tropical evening with deep bass, speaker stack in the yard, walls of speakers, low end vibration, hypnotic
        reggae bassline, reggae soul, reggae fusion, seaside reggae, summer reggae, palm wine and bass, rub-a-dub,
        clavinet bubble and one drop, echo on everything, dub version of a love song, roots bass and percussion,
        bassline you can feel in your chest, delays that spiral out of control, Sunday on a Caribbean beach, three
        little birds feeling, jah""",
}
