"""The phrases of the lexicon: how people name and describe the music of each genre, separated by commas. [any]

Subgenres, scenes, places and years, instruments, occasions, pictures; also music outside our genres, under the nearest.
"""

PHRASES: dict[str, str] = {
    "house": """house, house music, deep house, soulful house, Chicago house, tech house, progressive house, acid
        house, garage house, piano house, vocal house, Ibiza house, French house, filter house, afro house, tribal
        house, organic house, melodic house, jackin house, bassline house, minimal house, funky house, UK garage,
        two-step garage, New York garage, ballroom vogue beats, warm club groove with a four on the floor kick,
        uplifting dance piano chords, sunset beach club set, poolside dance music, rooftop party groove, hands in the
        air piano anthem, off-beat open hats and organ stabs, organ bass and claps on two and four, late night deep
        dance floor with warm Rhodes chords, 909 drums and soulful chords, Sunday afternoon terrace, Balearic beat, EDM,
        big room dance anthem, club music, dance music for the weekend, a DJ in Ibiza at sunset, the Warehouse in
        Chicago in 1986, gospel chords over a four to the floor beat, chord stabs and shuffled hats, a warm summer night
        at the club, feel-good dance floor, electronic dance pop, slap house, amapiano, gqom, log drum and shakers,
        South African dance music, tropical house, deep and groovy for dancing, steady four to the floor with soulful
        keys, vocal chops and warm bass for the club, house beat, house groove, bouncy bass for dancing on a boat,
        festival main stage drop, dance floor at noon on a beach, garage organ, big piano riff, disco-tinged dance loop
        with a steady kick, boat party, Miami pool party, spinning records at a beach bar, DJ mix, congas and a steady
        kick, Latin house, gospel house, lush strings over a house beat, chunky bass and claps, summer dance hit, dance
        pop, electronic dance music, lounge house, sunrise set, four on the floor, club beat""",
    "techno": """techno, Detroit techno, Berlin techno, minimal techno, dub techno, hard techno, industrial techno,
        acid techno, peak time techno, melodic techno, hypnotic techno, warehouse techno, dark techno, raw techno,
        schranz, trance, psytrance, Goa trance, hard trance, electro, EBM, hardcore rave, gabber, minimal, 303 acid
        line, relentless pounding kick drum, rumbling low end and metallic percussion, dark warehouse rave at four in
        the morning, concrete basement club, strobe lights and fog, machine rhythm, hypnotic repetitive loop, hammering
        909 kick, mechanical pulse, cold industrial machines, Berlin nightclub at dawn, Detroit machine soul, factory
        noise beat, squelching acid bassline, a dark tunnel with a pounding beat, underground rave, driving peak time
        club, modular synthesizer sequences with a straight kick, robotic rhythm, hard pounding four on the floor, stern
        monotone stabs, dubbed-out chords over a steady thump, arpeggiated trance lead, rave stabs, cyber rave,
        relentless and hypnotic, steel and concrete, a bunker in Berlin, noise and distortion with a kick drum, sweaty
        basement at 135 bpm, futuristic machine funk, metallic hits and drones with a pulse, techno beat, techno groove,
        thumping minimal pulse, pounding club at five in the morning, dark dance floor, repetitive machine loop, tunnel
        of bass drums, brutal kick drum, straight hammering rhythm, strobing warehouse, squelchy 303, acid bassline at
        140 bpm, abrasive industrial rhythm, euphoric trance arpeggio, uplifting trance, factory rhythm, robots on an
        assembly line, sheet metal percussion, harsh distorted kick, bleak concrete club, Frankfurt 1993, Tresor
        basement, hypnotic afterhours, minimal clicks and pulses, hard dance, rave anthem, modular techno, monotone and
        relentless""",
    "drum_and_bass": """drum and bass, drum & bass, drum n bass, dnb, d&b, jungle, liquid drum and bass, liquid dnb,
        neurofunk, jump up, ragga jungle, atmospheric drum and bass, techstep, darkstep, halftime drum and bass,
        breakbeat, breakbeats, breakcore, amen break, chopped amen breaks, rolling breaks and reese bass, 174 bpm
        breaks, fast breakbeats with a deep sub bass, frantic chopped drums, London pirate radio 1994, jungle is
        massive, rolling bassline with fast drums, growling reese bass, rapid-fire snares, soaring liquid rollers,
        Bristol bass music, hyperspeed drum loops, intelligent drum and bass, junglist, fast syncopated drums with
        soulful vocals, double-time breaks, heavy bass at 170 beats a minute, big beat, drumfunk, footwork, juke, speed
        garage breaks, rave breaks from the nineties, old school hardcore breaks, think break cut up at high speed, a
        chase scene with fast broken drums, high-speed broken beat, rollers for a Bristol basement, sped-up funk drum
        breaks, fast and furious broken drums, dubwise jungle, wobbling bass under racing drums, drum solo at twice the
        speed, heavy metal energy at full speed, drum and bass roller, fast breaks, chopped drum breaks, jungle drums
        with ragga vocals, breakneck snares, 170 bpm, 174 bpm, frenetic breakbeat, sub bass and sliced drums, syncopated
        fast break, reese, angry neuro bass, rolling drums with deep bass, jungle breaks, racing drums, drums at
        lightning speed, soulful fast breaks, liquid rollers, London jungle rave, bass music at high speed, high tempo
        broken beat, rapid breaks and pads, sped-up breakbeat, hyper breaks, old school jungle tape, drum and bass
        anthem, stuttering fast snares, rushing break with a growling bass""",
    "ambient": """ambient, ambient music, dark ambient, drone, drone music, space music, new age, meditation music,
        generative ambient, music for airports, soundscape, atmospheric pads, floating pads, sound bath, spa music,
        sleep music, deep relaxation, yoga music, calm background drones, endless reverb, slow evolving textures,
        beatless, no drums, weightless, oceanic swells, field recordings and pads, rain forest atmosphere, deep space,
        floating in space, underwater dream, misty mountains at dawn, northern lights, glacier, Iceland, Tibetan singing
        bowls, choir pads in a cathedral, whispering wind, film score strings, slow cinematic strings, neoclassical
        piano and strings, modern classical, minimal piano and reverb, cinematic soundscape, shoegaze wash, soft
        synthesizer clouds, stillness, a frozen lake at night, gentle shimmering textures, healing frequencies, tape
        loops slowly falling apart, nebula, weightless drifting through fog, infinite calm, ethereal voices, post-rock
        swell, vast empty desert, stars at night, silence and slow chords, breathing exercise, orchestral, ambient
        drone, ambient pads, floating through clouds, very slow music without rhythm, no beat, beatless pads, calm music
        for sleeping, lullaby for falling asleep, music for meditation, breathing slowly, airport lounge drift, slow
        strings and long reverb, whale song, ocean waves, wind over snow, a quiet temple, monks chanting, gong bath,
        glowing mist, deep sea, astronaut drifting away, galaxies, aurora, morning fog in a forest, endless drone, still
        water, tone clouds, shimmer reverb, contemplative piano, slow film score, sacred choir, requiem, floating,
        sleep, relaxation, calm, peaceful nature""",
    "lofi": """lofi, lo-fi, lofi hip hop, lo-fi beats, chillhop, lofi beats to study to, study beats, chill beats,
        boom bap, jazzhop, old school hip hop, instrumental hip hop, trip hop, downtempo, bedroom beats, beat tape,
        dusty vinyl crackle, dusty drum loop, tape hiss and soft piano, mellow Rhodes with crackling vinyl, rainy day
        coffee shop, cafe study session, girl studying by the window, late night homework, sleepy beats, nostalgic
        cassette, warbly tape keys, warm and fuzzy boom bap, SP-404 beats, MPC drums with jazz samples, head-nod beats,
        chilled out and cozy, Sunday morning coffee, rain on the window, slow relaxed hip hop groove, nineties New York
        rap instrumental, smoky slow beats from Bristol, vinyl record hip hop, laid-back swing drums, sampled jazz piano
        over a dusty break, mellow guitar and brushed beat, anime nostalgia, cosy bedroom, chill, chillout, chill vibes,
        relaxing beats, golden era rap, soft muffled drums, reading a book with tea, Japanese city at night in the rain,
        old Walkman, worn-out tape, neo soul beats, slow jam, reggae, dub reggae, lofi beat, lofi piano, lofi guitar,
        mellow hip hop with vinyl noise, dusty drums, crackling record, study music, homework playlist, focus music with
        soft beats, cosy coffee shop beats, lazy Sunday beats, tape saturation and soft drums, nineties boom bap,
        underground hip hop, jazzy hip hop, conscious rap, laid-back beats, rainy window, sleepy Rhodes, cat nap, slow
        head-nodding groove, old tape recorder, muffled drums, bedroom producer, warm and dusty, dub, reggae bassline,
        rocksteady, Bristol trip hop, stoned groove, lazy afternoon, nostalgic beats, chilled piano, soft beat""",
    "trap": """trap, trap beat, Atlanta trap, southern rap, 808s, booming 808 bass, sliding 808s, rolling hi-hats,
        rattling hi-hat triplets, hi-hat rolls, drill, UK drill, Chicago drill, Brooklyn drill, phonk, cloud rap, plugg,
        rage beat, dark trap, melodic trap, Latin trap, reggaeton, hip hop, modern hip hop, rap beat, rap instrumental,
        type beat, Memphis rap, crunk, gangsta rap, hard street beat, gritty rap, mumble rap, emo rap, dubstep, future
        bass, half-time beat with sub bass, distorted 808, dark bells and 808s, flute and hard 808s, menacing piano with
        rolling hats, trunk-rattling bass, snare on three with hat rolls, Atlanta in 2016, moody autotune, street
        anthem, lean and slow, grime, R&B, trap soul, slow heavy sub bass drops, ominous bell melody, skittering
        hi-hats, hats in triplets over a slow kick, moombahton, dembow, hard rap drums, a lowrider with huge subwoofers,
        bass that shakes the car, gothic choir over 808 drums, stuttering hats, trap drums, trap hi-hats, trap bass, 808
        bass, heavy 808, drill beat, dark rap beat, rap, hip-hop banger, street rap, southern hip hop, Houston chopped
        and screwed, sliding bass and triplet hats, rattling hats, subwoofer test, London drill, aggressive rap beat,
        melodic rap, gangster, lean, hi-hats in triplets, snare rolls and sub bass, dark bells, car stereo bass, hype
        rap instrumental, booming bass, dubstep wobble, bass drop, half-time wobble bass, modern R&B, slow jam with
        808s, urban, Latin urban, dancehall, twerk, bounce, hyphy, mosh pit rap, phonk cowbell""",
    "disco": """disco, nu disco, Italo disco, space disco, cosmic disco, disco funk, boogie, eurodisco, Philly soul,
        Studio 54, seventies disco, 70s dance floor, mirror ball, disco ball, glitter ball, roller disco, roller skating
        party, strings and four on the floor, octave bass line, octave bassline with string stabs, wah guitar and lush
        strings, disco diva, Saturday night, bell-bottom trousers, Philadelphia strings, glamorous seventies nightclub,
        New York 1977, sparkling strings over a dancing bass, hi-hat on every off-beat, disco house, French touch, retro
        dance party, glam dance pop, funky strings and hand claps, hustle dance, platform shoes and sequins, champagne
        and glitter, dance like it is 1978, disco strings, wedding dance party, cosmic arpeggios with a disco beat,
        Italian disco from Rimini, Munich disco sequencer, high hat and octaves, joyful vintage dance music, pop music,
        seventies soul with violins, orchestral dance groove, feel-good boogie, Paris filtered loops, a shiny mirrored
        dance floor, Latin disco, festive carnival dance, disco beat, disco groove, disco bass, disco fever, dancing
        under a mirror ball, seventies party, glittery dance floor, octave bass and open hats, four on the floor with
        strings, roller rink, roller skates, funky disco guitar, camp and glamorous, glitter and sequins, boogie nights,
        Philadelphia soul strings, Euro disco, vintage dance, violins over a dancing beat, hand claps and octave bass,
        disco diva vocals, retro seventies club, dance-pop from 1979, celebration, birthday party dance, cheesy party
        music, feel-good pop, sparkling dance, galactic disco""",
    "synthwave": """synthwave, retrowave, outrun, darksynth, dreamwave, vaporwave, chillwave, synth pop, synthpop,
        new wave, new romantic, eighties, 80s synths, 1980s soundtrack, eighties action film, retro synth, neon lights,
        neon city, night drive, driving a sports car through the neon night, Miami 1985, cyberpunk, cyberpunk city,
        retro future, VHS, arcade, arcade video game, retro gaming, chiptune, 8-bit, analog arpeggios, pulsing synth
        bass with gated snare, gated reverb drums, palm trees at sunset, purple grid horizon, science fiction film from
        1982, slow horror synth score, horror film synthesizers, laser grid, Juno pads, DX7 bells, analog brass and
        arpeggiators, Tokyo neon rain 2049, dystopian future city, replicants in the rain, Kids on bikes chased by
        monsters, electro pop, darkwave, coldwave, post-punk synths, krautrock, motorik and sequencers, Berlin school
        sequencer, turbo racing at night, chrome and sunset, LinnDrum, lonely highway at midnight, shopping mall 1987,
        teen film prom 1986, power ballad, eighties rock, soundtrack synth, synthwave beat, eighties synths, eighties
        pop, 80s, 80s pop, 80s movie soundtrack, retro synths, analog synths, gated snare, arpeggiated synth bass, neon,
        neon grid, night city drive, highway at night in a sports car, cyberpunk chase, video game soundtrack, arcade
        machine, pixel art game, VHS tape, futuristic city, future noir, robots in love, minor key synth pop,
        electronic eighties ballad, laser beams, sci-fi soundtrack, spaceship, retro horror, Miami sunset, palm trees
        and pastel, drum machine and analog synths, new wave bass, goth synths, gothic eighties, dream pop""",
    "funk": """funk, funky, P-funk, G-funk, deep funk, New Orleans funk, jazz funk, electro funk, funk rock, slap
        bass, slap bass groove, clavinet groove, wah-wah guitar, chicken scratch guitar, tight horn section, horn stabs,
        syncopated bass line, on the one, soul, Motown, Memphis soul, Stax soul, rhythm and blues, Minneapolis funk,
        blaxploitation soundtrack, seventies cop show theme, car chase in San Francisco 1973, bass player slapping and
        popping, sixteenth note guitar, greasy organ groove, second line drums, afrobeat, Lagos 1974, Afro-funk, talk
        box, breakdance party, rubbery bass, deep pocket drummer, ghost notes and clavinet, tight syncopated rhythm
        section, gritty southern soul, sweaty groove band, brass and bass, go-go, boogaloo, rare groove, soul brother,
        funky drummer, syncopated clav riff, dirty bass groove, street party band, rock, blues rock, guitar riff, Latin
        rock, samba funk, marching brass band, a band locked in the pocket, cheeky strutting bass, hard-hitting soul
        revue, hip-shaking groove, funk groove, funky bass, funky guitar, funky beat, slap bass solo, clavinet, wah
        guitar and horns, horn section, soul revue with horns, soul music, southern soul, sixties soul, tight rhythm
        section, syncopated groove, groovy bass and drums, Afrobeat horns, West African highlife guitar, party band,
        brass section, seventies cop show, greasy organ, funky organ, strutting groove, dirty groove, tight drums with
        ghost notes, call and response horns, hip-shaking rhythm, rock band, hard rock, guitar, rock and roll, indie
        rock, country, ska, gospel, carnival brass, Brazilian funk, street parade, funk jam, soulful band""",
    "jazz": """jazz, bebop, swing, big band, cool jazz, hard bop, modal jazz, smooth jazz, free jazz, jazz trio,
        piano trio, jazz quartet, jazz fusion, nu jazz, acid jazz, gypsy jazz, Latin jazz, bossa nova, samba, ragtime,
        Dixieland, jazz ballad, jazz waltz, walking bass, upright bass and brushes, double bass, saxophone solo, trumpet
        with a mute, ride cymbal swing, brushes on a snare, smoky jazz club, Blue Note 1959, New York jazz cellar, late
        night lounge piano, cocktail lounge, hotel bar pianist, film noir, detective in the rain, swing dance, Harlem in
        the thirties, Paris jazz cafe, New Orleans trumpet, improvised saxophone, complex chords and swing, two five
        one, extended chords, vibraphone, Hammond organ trio, jazz guitar, Rio de Janeiro beach guitar, blues, slow
        blues, torch song, crooner, standards, scat singing, a trio playing after midnight, jam session, Ethio-jazz,
        salsa, mambo, tango, bluesy piano, ballroom swing, Christmas jazz, dinner jazz, swinging drums, jazz piano, jazz
        band, jazz club, jazz drums, jazz trumpet, jazz saxophone, swing band, swinging ride cymbal, bebop solo, walking
        double bass, brushed drums, upright bass, smoky club at midnight, late night saxophone, mellow trumpet, bossa
        nova guitar, samba rhythm with guitar, piano bar, martini lounge, noir detective, improvised solo, sax, trumpet,
        clarinet, swing era, speakeasy, prohibition era, Harlem nights, Paris cafe accordion, Cuban piano, Latin big
        band, blues piano, delta blues, ballad for a lonely night, cool and sophisticated, elegant dinner music, ii-V-I
        changes, modal improvisation, classical guitar""",
}
