"""The phrases of the lexicon, music of bands and orchestras: how people name and describe it. [any]

Subgenres, scenes, places and years, instruments, occasions, pictures; also music outside our genres, under the nearest.
"""

PHRASES: dict[str, str] = {
    "funk": """funk, funky, P-funk, G-funk, deep funk, New Orleans funk, electro funk, slap bass, slap bass groove,
        clavinet groove, wah-wah guitar, chicken scratch guitar, tight horn section, horn stabs, syncopated bass line,
        on the one, Motown, Memphis soul, Stax soul, rhythm and blues, Minneapolis funk, blaxploitation soundtrack,
        seventies cop show theme, car chase in San Francisco 1973, bass player slapping and popping, sixteenth note
        guitar, greasy organ groove, second line drums, talk box, rubbery bass, deep pocket drummer, ghost notes and
        clavinet, tight syncopated rhythm section, gritty southern soul, sweaty groove band, brass and bass, go-go,
        boogaloo, rare groove, soul brother, funky drummer, syncopated clav riff, dirty bass groove, street party band,
        samba funk, marching brass band, a band locked in the pocket, cheeky strutting bass, hard-hitting soul revue,
        hip-shaking groove, funk groove, funky bass, funky guitar, funky beat, slap bass solo, clavinet, wah guitar and
        horns, horn section, soul revue with horns, soul music, southern soul, sixties soul, tight rhythm section,
        syncopated groove, groovy bass and drums, party band, brass section, seventies cop show, greasy organ, funky
        organ, strutting groove, dirty groove, tight drums with ghost notes, call and response horns, hip-shaking
        rhythm, carnival brass, Brazilian funk, street parade, funk jam, soulful band, funk music, funk band, funk
        drums, funk bass, funk soul, disco funk band, Prince style, James style funk, JB's horns, Parliament style,
        mothership, cosmic slop, Sly style, the Meters style, New Orleans, New Orleans brass band, brass band, second
        line, Mardi Gras, Bourbon Street parade, horns, horn riffs, trumpets and saxophones, brass, brass stabs,
        trombone, saxophones, wah guitar, wah wah, wah pedal, rhythm guitar, Wurlitzer, Hammond organ groove, organ,
        bass guitar, bass guitar solo, electric bass, slap, thumb slap, bass solo, groove, the groove, get down, get
        up, shake it, strut, strutting, swagger, afro hair and platform boots, pimp walk, low rider, seventies Harlem,
        kung fu film 1974, heist, heist film, casino heist, bank robbery, detective car chase, sixties soul revue,
        northern soul, Detroit soul, Memphis 1967, Muscle Shoals, blue-eyed soul, soul ballad, soul singer, soulful,
        neo soul, neo-soul, R and B band, barbecue, barbecue in the park, block party with a live band, street corner,
        shoe shine, sneakers, basketball in 1976, city funk, Japanese city pop, city pop, future funk, Vulf-style
        minimal funk, modern funk, synth funk, boogie funk""",
    "jazz": """jazz, bebop, swing, big band, cool jazz, hard bop, modal jazz, smooth jazz, free jazz, jazz trio, piano
        trio, jazz quartet, gypsy jazz, Latin jazz, bossa nova, samba, ragtime, Dixieland, jazz ballad, jazz waltz,
        walking bass, upright bass and brushes, double bass, saxophone solo, trumpet with a mute, ride cymbal swing,
        brushes on a snare, smoky jazz club, Blue Note 1959, New York jazz cellar, late night lounge piano, cocktail
        lounge, hotel bar pianist, film noir, detective in the rain, swing dance, Harlem in the thirties, Paris jazz
        cafe, New Orleans trumpet, improvised saxophone, complex chords and swing, two five one, extended chords,
        vibraphone, Hammond organ trio, jazz guitar, Rio de Janeiro beach guitar, torch song, crooner, standards, scat
        singing, a trio playing after midnight, jam session, tango, bluesy piano, ballroom swing, Christmas jazz,
        dinner jazz, swinging drums, jazz piano, jazz band, jazz club, jazz drums, jazz trumpet, jazz saxophone, swing
        band, swinging ride cymbal, bebop solo, walking double bass, brushed drums, upright bass, smoky club at
        midnight, late night saxophone, mellow trumpet, bossa nova guitar, samba rhythm with guitar, piano bar, martini
        lounge, noir detective, improvised solo, sax, trumpet, clarinet, swing era, speakeasy, prohibition era, Harlem
        nights, Paris cafe accordion, Cuban piano, Latin big band, blues piano, ballad for a lonely night, cool and
        sophisticated, elegant dinner music, ii-V-I changes, modal improvisation, jazz music, jazz quintet, jazz combo,
        jazz singer, jazz bass, jazz ballad with brushes, jazz standards, jazz piano solo, solo jazz piano, vocal jazz,
        spiritual jazz, soul jazz, ECM style, Nordic jazz, chamber jazz, avant-garde jazz, contemporary jazz, modern
        jazz, stride piano, swing jazz, west coast jazz, hard swing, Miles style, muted trumpet, Coltrane style, Monk
        style piano, Bill Evans style, Django style, Chet style, Duke style, Count style big band, Brubeck style, take
        five, five-four, sax solo, tenor sax, alto sax, soprano sax, baritone sax, saxophone, flugelhorn, trombone
        solo, vibes, vibraphone solo, contrabass, standup bass, piano, grand piano, piano ballad, jazz chords, swung
        eighth notes, swung, shuffle, brushes, ride cymbal, club in New York, New York at night, Manhattan, Manhattan
        1958, Village Vanguard, Harlem, Paris, Paris 1950, Paris by night, Montmartre, New Orleans 1920, Rio, Rio de
        Janeiro, Ipanema, Copacabana, Havana, Havana nights, Buenos Aires, bossa, Brazilian guitar, Latin piano
        montuno, cha-cha-cha, bolero, flamenco, flamenco guitar, Spanish guitar, gypsy guitar, musette, chanson,
        cabaret, burlesque, Charleston, Great Gatsby party, roaring twenties, 1920s, 1930s, 1940s, 1950s, fifties,
        forties, Sinatra style, Las Vegas 1960, whisky, whiskey, cigar, cigar lounge, cocktail, cocktails, martini,
        candlelight, candlelight dinner, dinner, dinner party, restaurant, hotel bar, lounge piano, wine, private
        detective, black and white film, noir, rain on Broadway, elevator music, muzak, romantic dinner, date night,
        rooftop in Manhattan, sophisticated, elegant, classy""",
    "orchestral": """film score strings, slow cinematic strings, neoclassical piano and strings, modern classical,
        orchestral, slow film score, sacred choir, requiem, classical guitar, orchestra, symphony orchestra, symphonic,
        classical, classical music, film score, film music, movie score, movie soundtrack, cinematic score, Hollywood
        score, epic trailer, trailer music, epic orchestral battle, heroic brass fanfare, fanfare, brass fanfare,
        French horns, timpani and brass, timpani, timpani rolls, violins, violin, violin solo, cello, cello solo, solo
        cello, viola, strings, string quartet, string orchestra, string section, strings and woodwinds, pizzicato
        strings, pizzicato, staccato strings, spiccato strings, tremolo strings, legato strings, lush orchestral
        strings, soaring strings, sweeping strings, weeping violins, harp, harp glissando, harp and flute, flute, oboe,
        bassoon, clarinet and oboe, woodwinds, woodwind quintet, French horn melody, trombones and tuba, celesta,
        glockenspiel, music box, harpsichord, church organ, pipe organ, cathedral organ, choir, choir and orchestra,
        boys choir, Latin choir, opera, aria, soprano, overture, symphony, concerto, piano concerto, violin concerto,
        sonata, nocturne, prelude, fugue, minuet, waltz, Viennese waltz, Vienna ball, Strauss waltz, ballet, ballet in
        snow, nutcracker, swan lake, baroque, Bach, Bach fugue, Vivaldi, four seasons, Mozart, Beethoven, Beethoven
        symphony, Tchaikovsky, Wagner, Mahler, Debussy, Satie, Chopin, Chopin nocturne, romantic era, renaissance,
        medieval, medieval court, chamber music, chamber orchestra, philharmonic, concert hall, conductor, opera house,
        royal court, coronation, castle, king and queen, knights in battle, dragon, dragons and castles, elves in a
        forest, hobbits on a journey, wizard school, fantasy adventure, fantasy film score, fantasy game soundtrack,
        role-playing game, Japanese role-playing game town theme, boss battle with orchestra, final boss, adventure
        film, pirate adventure, pirates on the high seas, space opera, starships and brass, galactic empire march,
        superhero theme, hero saves the world, war film, battlefield, victory march, military march, march, funeral
        march, requiem mass, tragedy, tragic love theme, love theme with strings, romantic film, period drama, costume
        drama, fairy tale, magic kingdom, animated film score, cartoon chase with orchestra, western film score,
        spaghetti western, cowboys at high noon, nature documentary, documentary score, eagle over mountains, majestic
        mountains, epic landscape, sunrise over the savannah with full orchestra, grand finale, crescendo, suspense
        strings, thriller strings, detective mystery with pizzicato, horror film strings, stabbing violins, tense
        ostinato strings, ostinato, string ostinato, hybrid orchestral, cinematic, cinematic orchestra, cinematic
        strings and piano, cinematic drums, taiko drums and brass, taiko, epic choir, epic, epic music, neoclassical,
        neo-classical, minimalist strings, minimalism with marimbas, pulsing minimalism, contemporary classical, piano
        and strings, emotional piano and strings, emotional strings, sad violin, sad piano with cello, elegy, adagio,
        lament, allegro, Christmas carols, Christmas with orchestra, snow and sleigh bells, sleigh bells, wedding
        march, processional, royal wedding, graduation ceremony, Olympic ceremony, national anthem, hymn, church,
        cathedral mass, Easter mass, Gregorian chant with strings, garden party string quartet, tea at the palace,
        Versailles, Venice, Vienna, Prague, Salzburg, Russian winter, winter palace, St Petersburg ballet, tale of old,
        ancient Rome, gladiators, Viking longships, Egypt and the pharaohs, Chinese erhu and strings, koto and strings,
        Irish harp, Celtic fantasy""",
    "rock": """rock, blues rock, guitar riff, Latin rock, rock band, hard rock, guitar, rock and roll, indie rock,
        shoegaze wash, post-rock swell, power ballad, eighties rock, krautrock, delta blues, slow blues, blues, rock
        music, classic rock, alternative rock, alt rock, punk, punk rock, pop punk, post-punk, hardcore punk, garage
        rock, grunge, Seattle 1991, Britpop, Manchester indie, indie, indie guitars, indie pop, indie folk, folk rock,
        folk, acoustic guitar, strummed acoustic guitar, acoustic campfire song, singer-songwriter, Americana, country
        rock, southern rock, bluegrass, banjo, pedal steel guitar, heartland rock, soft rock, yacht rock, arena rock,
        stadium rock, glam rock, prog rock, progressive rock, psychedelic rock, acid rock, space rock, stoner rock,
        desert rock, sludge, doom metal, metal, heavy metal, thrash metal, death metal, black metal, metalcore, nu
        metal, power metal, speed metal, djent, hair metal, shoegaze, post-rock, math rock, noise rock, surf rock, surf
        guitar, rockabilly, fifties rock and roll, sixties beat group, British invasion, Merseybeat, Liverpool 1963,
        Woodstock, Woodstock 1969, summer of love, garage band, electric guitar, electric guitars, distorted guitar,
        distorted guitars, overdriven guitar, fuzz guitar, fuzz pedal, crunchy guitars, power chords, palm-muted
        guitars, palm muting, drop D riffs, chugging guitars, heavy riffs, heavy guitars, jangly guitars, twelve-string
        guitar, slide guitar, guitar solo, screaming guitar solo, shredding, face-melting solo, wall of guitars, wall
        of sound, feedback and distortion, Marshall stacks, tube amp, Stratocaster, Les Paul, Telecaster twang, drum
        kit and bass guitar, bass guitar and drums, power trio, guitars and drums, guitar band, live band, rock anthem,
        rock ballad, rock beat, rock groove, rock drums, rock guitar, rock riff, rock song, rock concert, rock
        festival, rock club, stadium anthem, headbanging, mosh pit, mosh pit with guitars, stage diving, leather
        jacket, leather jackets and motorbikes, motorbike, motorcycle gang, biker bar, Harley on the highway, road
        trip, open road, open highway in a convertible, route 66, driving across America, desert highway, truck stop,
        saloon, honky-tonk, Nashville, Texas blues, Chicago blues, electric blues, twelve-bar blues, blues shuffle,
        blues guitar, Mississippi delta, swamp rock, boogie rock, pub rock, dive bar, CBGB 1977, London punk 1977,
        safety pins, anarchy, rebellion, teenage rebellion, skate punk, skate park, garage in the suburbs, high school
        band, college radio, nineties alternative, slacker rock, emo, emo guitars, screamo, riot grrrl, angry guitars,
        angry young men with guitars, thunderous drums and guitars, big drums and power chords, backbeat and guitars,
        driving guitars, loud guitars, loud quiet loud, quiet verse loud chorus, melancholic indie guitars, dreamy
        guitars, reverb guitars building slowly, crescendo of guitars, post-rock crescendo, cowboy song, football
        stadium song, air guitar, guitar hero, Detroit garage, Laurel Canyon, California rock, beach boys harmonies,
        surfing, surfers, Hammond organ and guitar, seventies rock, sixties rock, nineties rock, seventies hard rock,
        lighters in the air, encore, backstage, tour bus, battle of the bands, wrestling entrance, monster truck,
        hockey game, action film guitars""",
    "afrobeat": """afrobeat, Lagos 1974, Afro-funk, Afrobeat horns, West African highlife guitar, afrobeats, Afro, afro
        beat, Lagos, Lagos nightclub, Nigeria, Ghana, Accra, Accra highlife, highlife, Fela style, Fela-style groove,
        shrine in Lagos, Nigerian horns, Afrobeat with long horn lines, Afrobeat groove, afrobeat drums, afrobeat
        guitar, afrobeat bass, tenor guitar and shekere, shekere, talking drum, talking drums, djembe, djembe circle,
        African drums, African percussion, African guitar, African music, African choir with drums, West Africa, West
        African percussion, Mali, desert blues from Mali, Tuareg guitar, Sahara guitars, kora, kora and balafon,
        balafon, mbira, thumb piano, kalimba, marimba and drums, congas, congas and horns, conga groove, bongos, bongos
        and shakers, cowbell and congas, shakers and congas, clave, clave pattern, polyrhythm, polyrhythmic,
        polyrhythms, interlocking percussion, interlocking guitars, interlocking rhythms, cross rhythms, twelve-eight
        bell pattern, bell pattern, long hypnotic percussion groove, percussion ensemble, drum circle, hand drums, hand
        percussion, percussive, tribal drums, tribal percussion, juju music, fuji, soukous, Congolese rumba, Congolese
        guitars, Kinshasa, rumba, mbalax, Dakar, Senegal, Addis Ababa 1972, Ethiopian groove, Ethiopian jazz, Ethiopian
        horns, Zimbabwe guitars, chimurenga, township jive, mbaqanga, South African choir, Soweto, kwaito, benga,
        Kenya, taarab, gnawa, Moroccan trance drums, Cape Verde, coladeira, funana, kizomba, kuduro, Angola, semba,
        zouk, soca, calypso, steel drums, steel pan, steel band, Trinidad carnival, carnival in Rio, batucada, samba
        drums, Brazilian percussion, Bahia, cumbia, Colombian cumbia, champeta, merengue, bachata, son cubano, Cuban
        percussion, Havana street drums, timbales, Latin percussion, Afro-Cuban, Afro-Cuban drums, Afro-Latin groove,
        Caribbean carnival, tropical party, tropical percussion, Afro-pop, afropop, world music, world beat, world
        fusion, Afro-soul, afrofusion, alté, naija, naija pop, Afro swing, afroswing, Lagos party, street party in
        Accra, summer in Lagos, market in Dakar, savannah, safari, savannah at dawn with drums, lions and drums, sunny
        African guitar, bright highlife guitars, palm wine guitar, baritone saxophone riff, baritone sax and organ
        vamp, saxophones in unison over percussion, organ and horns over tribal drums, twenty musicians on stage,
        chanting chorus and horns, protest songs with horns, political groove, hypnotic guitar ostinato and horns,
        endless groove with horns, tony on the drum kit, loose limbed drum kit, rolling tom groove, sweaty all-night
        groove with percussion, dancing in the dust, dancing barefoot to drums, colourful fabrics and dancing, jollof,
        communal celebration, village celebration, harvest festival drums, rhythm of life, Black Star, pan-African,
        sunshine and horns, ecstatic percussion""",
}
