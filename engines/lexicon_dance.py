"""The phrases of the lexicon, club and machine genres: how people name and describe them. [any]

Subgenres, scenes, places and years, instruments, occasions, pictures; also music outside our genres, under the nearest.
"""

PHRASES: dict[str, str] = {
    "house": """house, house music, deep house, soulful house, Chicago house, tech house, progressive house, acid
        house, garage house, piano house, vocal house, Ibiza house, French house, filter house, tribal house, organic
        house, melodic house, jackin house, bassline house, minimal house, funky house, New York garage, ballroom vogue
        beats, warm club groove with a four on the floor kick, uplifting dance piano chords, sunset beach club set,
        poolside dance music, rooftop party groove, hands in the air piano anthem, off-beat open hats and organ stabs,
        organ bass and claps on two and four, late night deep dance floor with warm Rhodes chords, 909 drums and
        soulful chords, Sunday afternoon terrace, Balearic beat, EDM, big room dance anthem, club music, dance music
        for the weekend, a DJ in Ibiza at sunset, the Warehouse in Chicago in 1986, gospel chords over a four to the
        floor beat, chord stabs and shuffled hats, a warm summer night at the club, feel-good dance floor, electronic
        dance pop, slap house, amapiano, gqom, log drum and shakers, South African dance music, tropical house, deep
        and groovy for dancing, steady four to the floor with soulful keys, vocal chops and warm bass for the club,
        house beat, house groove, bouncy bass for dancing on a boat, festival main stage drop, dance floor at noon on a
        beach, garage organ, big piano riff, disco-tinged dance loop with a steady kick, boat party, Miami pool party,
        spinning records at a beach bar, DJ mix, congas and a steady kick, Latin house, gospel house, lush strings over
        a house beat, chunky bass and claps, summer dance hit, dance pop, electronic dance music, lounge house, sunrise
        set, four on the floor, club beat, nineties house, vocal deep house anthem, disco samples and a house kick,
        Defected-style groove, New Jersey garage, M1 organ bass, M1 piano, Rhodes and a four-four kick, jacking drums,
        Detroit deep house, lo-fi house, outsider house, future house, electro house, Dutch house, complextro,
        mainstage EDM, Las Vegas pool party, Tulum, Tulum sunset, Mykonos, beach club, beach bar, Croatian beach
        festival, terrace in Barcelona, Ibiza, Ibiza terrace, house party, dancing all night with friends, brunch DJ
        set, fashion runway, catwalk, gym workout, running, workout, aerobics, clubbing, hen party in Ibiza, pride
        parade, voguing, ballroom, diva vocal house, uplifting piano, euphoric piano house, Eurodance, nineties dance,
        happy dance music, summer festival, summer, beach, weekend, Friday night, dancing, dance, club, disco house
        strings, four to the floor, four on the floor with Rhodes, kick on every beat, warm sunny dance groove, soulful
        vocals over a kick, saxophone house, jazzy house, Latin house with timbales, tribal drums with a house kick""",
    "techno": """techno, Detroit techno, Berlin techno, minimal techno, hard techno, industrial techno, acid techno,
        peak time techno, melodic techno, hypnotic techno, warehouse techno, dark techno, raw techno, schranz, trance,
        psytrance, Goa trance, hard trance, EBM, hardcore rave, gabber, minimal, 303 acid line, relentless pounding
        kick drum, rumbling low end and metallic percussion, dark warehouse rave at four in the morning, concrete
        basement club, strobe lights and fog, machine rhythm, hypnotic repetitive loop, hammering 909 kick, mechanical
        pulse, cold industrial machines, Berlin nightclub at dawn, Detroit machine soul, factory noise beat, squelching
        acid bassline, a dark tunnel with a pounding beat, underground rave, driving peak time club, modular
        synthesizer sequences with a straight kick, robotic rhythm, hard pounding four on the floor, stern monotone
        stabs, dubbed-out chords over a steady thump, arpeggiated trance lead, rave stabs, cyber rave, relentless and
        hypnotic, steel and concrete, a bunker in Berlin, noise and distortion with a kick drum, sweaty basement at 135
        bpm, futuristic machine funk, metallic hits and drones with a pulse, techno beat, techno groove, thumping
        minimal pulse, pounding club at five in the morning, dark dance floor, repetitive machine loop, tunnel of bass
        drums, brutal kick drum, straight hammering rhythm, strobing warehouse, squelchy 303, acid bassline at 140 bpm,
        abrasive industrial rhythm, euphoric trance arpeggio, uplifting trance, factory rhythm, robots on an assembly
        line, sheet metal percussion, harsh distorted kick, bleak concrete club, Frankfurt 1993, Tresor basement,
        hypnotic afterhours, minimal clicks and pulses, hard dance, rave anthem, modular techno, monotone and
        relentless, Berghain, Tresor, Berlin, Detroit, Detroit 1988, Rotterdam gabber, hardgroove, hard groove techno,
        ghetto techno, bleep techno, tribal techno, trancey techno, progressive trance, vocal trance, trance anthem,
        Goa beach, full moon party, psychedelic trance, psy, tech trance, acid, acid squelch, TB-303, TR-909, roaring
        kick, rumble kick, kick drum and nothing else, stroboscope, warehouse, warehouse party, abandoned factory,
        power plant, industrial, industrial music, industrial noise, machine, machines, robots, conveyor belt, cold
        machines, sirens over a hard kick, black clothes and sunglasses at dawn, tunnel, underground club, sweaty
        basement, dark club, rave, raver, 140 bpm hard kick, 150 bpm, gas mask rave, cathedral of machines, Kraftwerk
        style robots, laboratory, nuclear reactor, steel mill, assembly robots, pounding, relentless, mechanical,
        hypnotic, monotonous, hardcore, hardstyle, hard dance kick, euphoric hardstyle""",
    "drum_and_bass": """drum and bass, drum & bass, drum n bass, dnb, d&b, jungle, liquid drum and bass, liquid dnb,
        neurofunk, jump up, ragga jungle, atmospheric drum and bass, techstep, darkstep, halftime drum and bass,
        breakcore, amen break, chopped amen breaks, rolling breaks and reese bass, 174 bpm breaks, fast breakbeats with
        a deep sub bass, frantic chopped drums, London pirate radio 1994, jungle is massive, rolling bassline with fast
        drums, growling reese bass, rapid-fire snares, soaring liquid rollers, Bristol bass music, hyperspeed drum
        loops, intelligent drum and bass, junglist, fast syncopated drums with soulful vocals, double-time breaks,
        heavy bass at 170 beats a minute, drumfunk, footwork, juke, think break cut up at high speed, a chase scene
        with fast broken drums, high-speed broken beat, rollers for a Bristol basement, sped-up funk drum breaks, fast
        and furious broken drums, dubwise jungle, wobbling bass under racing drums, drum solo at twice the speed, heavy
        metal energy at full speed, drum and bass roller, fast breaks, chopped drum breaks, jungle drums with ragga
        vocals, breakneck snares, 170 bpm, 174 bpm, frenetic breakbeat, sub bass and sliced drums, syncopated fast
        break, reese, angry neuro bass, rolling drums with deep bass, jungle breaks, racing drums, drums at lightning
        speed, soulful fast breaks, liquid rollers, London jungle rave, bass music at high speed, high tempo broken
        beat, rapid breaks and pads, sped-up breakbeat, hyper breaks, old school jungle tape, drum and bass anthem,
        stuttering fast snares, rushing break with a growling bass, sambass, dancefloor drum and bass, deep jungle,
        dark jungle, jungle techno, dnb rollers, liquid funk, minimal drum and bass, jungle with pads, autonomic,
        jazzstep, hardstep, ragga drum and bass, drum and bass with piano, summery liquid, liquid, reese bass, hoover
        bass and fast breaks, Metalheadz, Bristol drum and bass, Hospital-style liquid, fast drums, very fast drums,
        super fast, hyperactive drums, running from the police through London, snowboarding down a mountain, jet
        fighter, adrenaline, speed, sprint, extreme sports, car chase at 170 bpm, fast racing game, futuristic fast
        drums, atmospheric jungle, nineties jungle, jungle pirate radio, rainforest breaks, 160 bpm breaks, 170, 174,
        175 bpm, 172 bpm roller, chopped amens, amen, Amen brother, drum edits, break edits""",
    "disco": """disco, nu disco, Italo disco, space disco, cosmic disco, disco funk, boogie, eurodisco, Philly soul,
        Studio 54, seventies disco, 70s dance floor, mirror ball, disco ball, glitter ball, roller disco, roller
        skating party, strings and four on the floor, octave bass line, octave bassline with string stabs, wah guitar
        and lush strings, disco diva, Saturday night, bell-bottom trousers, Philadelphia strings, glamorous seventies
        nightclub, New York 1977, sparkling strings over a dancing bass, hi-hat on every off-beat, retro dance party,
        glam dance pop, funky strings and hand claps, hustle dance, platform shoes and sequins, champagne and glitter,
        dance like it is 1978, disco strings, wedding dance party, cosmic arpeggios with a disco beat, Italian disco
        from Rimini, Munich disco sequencer, high hat and octaves, joyful vintage dance music, pop music, seventies
        soul with violins, orchestral dance groove, feel-good boogie, Paris filtered loops, a shiny mirrored dance
        floor, Latin disco, festive carnival dance, disco beat, disco groove, disco bass, disco fever, dancing under a
        mirror ball, seventies party, glittery dance floor, octave bass and open hats, four on the floor with strings,
        roller rink, roller skates, funky disco guitar, camp and glamorous, glitter and sequins, boogie nights,
        Philadelphia soul strings, Euro disco, vintage dance, violins over a dancing beat, hand claps and octave bass,
        disco diva vocals, retro seventies club, dance-pop from 1979, celebration, birthday party dance, cheesy party
        music, feel-good pop, sparkling dance, galactic disco, disco music, classic disco, disco classics, disco party,
        disco strings and horns, disco queen, disco diva with strings, disco kick and octave bass, Chic-style guitar,
        Nile-style guitar, chucking guitar and strings, Giorgio-style sequencer, Munich 1977, French disco, Paris
        disco, Turkish disco, Bollywood disco, afro disco, post-disco, electro disco, disco punk, dance punk, disco
        revival, modern disco, disco pop, euro pop, Swedish pop, ABBA style, Eurovision, pop, pop song, catchy pop,
        radio hit, hit song, party, dance party, karaoke, cruise ship, New Year's Eve, Saturday night fever, Saturday
        night party, birthday, wedding, celebration with glitter, sequins, glitter, glamour, glamorous, fabulous, drag
        queens, fashion show 1978, New York 1978, Philadelphia, roller skating, jumpsuits, flared trousers, afro wigs,
        cocktails and dancing, seventies, 70s, seventies dance, feel good, feel-good, happy party, dancing queen, conga
        line, strings and a four on the floor kick, octave bass, octaves, hand claps, four on the floor with hand
        claps""",
    "synthwave": """synthwave, retrowave, outrun, darksynth, dreamwave, vaporwave, chillwave, synth pop, synthpop, new
        wave, new romantic, eighties, 80s synths, 1980s soundtrack, eighties action film, retro synth, neon lights,
        neon city, night drive, driving a sports car through the neon night, Miami 1985, cyberpunk, cyberpunk city,
        retro future, VHS, arcade, arcade video game, retro gaming, chiptune, 8-bit, analog arpeggios, pulsing synth
        bass with gated snare, gated reverb drums, palm trees at sunset, purple grid horizon, science fiction film from
        1982, slow horror synth score, horror film synthesizers, laser grid, Juno pads, DX7 bells, analog brass and
        arpeggiators, Tokyo neon rain 2049, dystopian future city, replicants in the rain, Kids on bikes chased by
        monsters, electro pop, darkwave, coldwave, post-punk synths, motorik and sequencers, Berlin school sequencer,
        turbo racing at night, chrome and sunset, LinnDrum, lonely highway at midnight, shopping mall 1987, teen film
        prom 1986, soundtrack synth, synthwave beat, eighties synths, eighties pop, 80s, 80s pop, 80s movie soundtrack,
        retro synths, analog synths, gated snare, arpeggiated synth bass, neon, neon grid, night city drive, highway at
        night in a sports car, cyberpunk chase, video game soundtrack, arcade machine, pixel art game, VHS tape,
        futuristic city, future noir, robots in love, minor key synth pop, electronic eighties ballad, laser beams,
        sci-fi soundtrack, spaceship, retro horror, Miami sunset, palm trees and pastel, drum machine and analog
        synths, new wave bass, goth synths, gothic eighties, 1980s, eighties synth, eighties film, 1984, 1986, Blade
        Runner style, Tron style, Stranger kids theme, John Carpenter style, Vangelis style, Drive soundtrack, Los
        Angeles at night, Miami, Miami vice squad, Night City, Hotline in Miami, retro, retro wave, retro futurism,
        retrofuturistic, retro racing game, video game, video games, computer game, chip music, Game Boy, Nintendo,
        Commodore 64, 16-bit console, platform game, pixel art, arcade hall, hacker, hackers, hacker in a dark room,
        computers, internet, cyberspace, android, androids, cyborg, artificial intelligence, science fiction, sci-fi,
        alien, aliens, alien invasion, UFO, time travel, lasers, laser, neon signs, neon rain, night, night driving,
        driving at night, fast car at night, sports car, Ferrari, motorway at night, city at night, skyline, sunset
        drive, sunset boulevard, sunset, roller coaster at night, horror synths, slasher film, vampires in the
        eighties, synth, synths, synthesizer, synthesizers, analog synth, synth arpeggio, arpeggio, arpeggios, synth
        lead, synth brass, polysynth, Moog bass, Moog, keytar solo, vocoder, drum machine, gated drums, LinnDrum and
        chorus guitar, chorus guitar, new order bass, goth, gothic, goth club, dark wave, minimal wave, italo synth,
        electropop, synth ballad, dreamy synths""",
    "trap": """trap, trap beat, Atlanta trap, southern rap, 808s, booming 808 bass, sliding 808s, rolling hi-hats,
        rattling hi-hat triplets, hi-hat rolls, drill, UK drill, Chicago drill, Brooklyn drill, phonk, cloud rap,
        plugg, rage beat, dark trap, melodic trap, Latin trap, reggaeton, hip hop, modern hip hop, rap beat, rap
        instrumental, type beat, Memphis rap, crunk, gangsta rap, hard street beat, gritty rap, mumble rap, emo rap,
        future bass, half-time beat with sub bass, distorted 808, dark bells and 808s, flute and hard 808s, menacing
        piano with rolling hats, trunk-rattling bass, snare on three with hat rolls, Atlanta in 2016, moody autotune,
        street anthem, lean and slow, grime, R&B, trap soul, slow heavy sub bass drops, ominous bell melody, skittering
        hi-hats, hats in triplets over a slow kick, moombahton, dembow, hard rap drums, a lowrider with huge
        subwoofers, bass that shakes the car, gothic choir over 808 drums, stuttering hats, trap drums, trap hi-hats,
        trap bass, 808 bass, heavy 808, drill beat, dark rap beat, rap, hip-hop banger, street rap, southern hip hop,
        Houston chopped and screwed, sliding bass and triplet hats, rattling hats, subwoofer test, London drill,
        aggressive rap beat, melodic rap, gangster, lean, hi-hats in triplets, snare rolls and sub bass, dark bells,
        car stereo bass, hype rap instrumental, booming bass, dubstep wobble, bass drop, half-time wobble bass, modern
        R&B, slow jam with 808s, urban, Latin urban, twerk, bounce, hyphy, mosh pit rap, phonk cowbell, Atlanta, trap
        metal, hard trap, ambient trap, trap with piano, trap with guitar, trap with flute, trap with strings,
        orchestral trap, trap with bells, trap anthem, festival trap, EDM trap, hybrid trap, jersey drill, NY drill,
        Bronx drill, sample drill, UK rap, French rap, German rap, Spanish rap, Travis style dark autotune, rage,
        hyperpop, pluggnb, detroit rap, Bay Area, west coast rap, G-funk whine, gangsta, hood, street, streets, hustle,
        money, flexing, luxury cars, diamonds, strip club, basketball, boxing ring, basketball court, boxing, gym with
        rap, sub bass, 808, 808 and hi-hats, deep 808s, hi-hats, triplet hats, rapper, freestyle, freestyle beat, boss
        walking in slow motion, vampire, dark piano and 808s, eerie bells, horror trap, drift phonk, Brazilian phonk,
        drifting cars, Tokyo drift, brostep, riddim dubstep, dubstep drop, 140 dubstep, wonky, half-time, halftime
        beat, reggaeton beat, perreo, dembow rhythm, Medellin, Puerto Rico, San Juan, Latin pop""",
    "breakbeat": """breakbeat, breakbeats, big beat, rave breaks from the nineties, old school hardcore breaks,
        breakdance party, UK garage, two-step garage, speed garage breaks, electro, breaks, nu skool breaks,
        progressive breaks, Florida breaks, acid breaks, electro breaks, funky breaks, chemical beats, broken beat,
        breakbeat hardcore, rave 1991, rave piano and breakbeats, hoover stabs and breaks, old school rave, big beat
        from Brighton, big beat with rock guitars, block rocking party breaks, Manchester 1996, nineties electronic
        festival, breakdance, b-boy, b-boy battle, b-girls in the park, cardboard on the pavement, Bronx block party,
        break dancing, electro funk breaks, electro boogie with an 808, Planet-style electro, robot dancing, popping
        and locking, scratching and cuts, turntablism, turntable scratches over breaks, DJ scratches, sampled drum
        break, funky drum loop, looped funk break, chopped funk loops at 130, mid-tempo breakbeat, breakbeat at 130
        bpm, 130 bpm breaks, broken drums and fat bass, breaks with a dirty synth bass, distorted drum break,
        compressed drum loop, crunchy drum loop, gritty sampled drums, sample collage, cut and paste, plunderphonics,
        sample-based dance music, UK garage two-step, 2-step, 2-step garage, shuffling garage beat, skippy garage
        drums, speed garage, UK bass, UK funky, bassline and breaks, garage with swung hats and chopped vocals, future
        garage, night bus garage, London garage rave 1999, champagne and garage, pirate radio garage, baile funk
        breaks, Miami bass, Baltimore club, Jersey club, ghettotech, electro clash, electroclash, electro beat, electro
        groove, IDM, glitch, glitch hop, glitchy beats, braindance, intelligent dance music, drill and bass toys,
        stuttering glitch percussion, crate digging breaks, rave breaks, rave on a field in 1990, M25 orbital rave,
        acid house rave with broken beats, indie dance, Madchester, baggy beat, dance rock with breakbeats, breakbeat
        beat, breakbeat groove, breakbeat drums, breakbeat with acid line, syncopated kick and snare, kick and snare
        that never fall straight, broken beat from west London, bruk, big drums and a fuzzy bassline, party breaks,
        sirens and breakbeats, car advert from 1998, snowboard video soundtrack, skateboard video, racing game from the
        nineties, futuristic racing game, nineties video game soundtrack, hacker film from 1995, martial arts film with
        breakbeats, bullet time fight scene, jilted rave generation, firestarter energy, leather coats and sunglasses,
        spy movie with big beats, swaggering drum loop, chunky breaks, tough breaks, rolling breakbeat, funky break and
        a talking bass, breaks and bleeps, bleep and bass, Sheffield bleep, wobbly bass with broken drums, bouncing
        two-step rhythm""",
}
