/* What the test hosts leave for the tests: a file of samples and a file of one `struct block` for each call. */
#ifndef LEGANDO_RECORDING_H
#define LEGANDO_RECORDING_H

#include "platform.h"

/* Little-endian, 8 bytes each. `switches`: how often the thread gave up its core by itself, which is what blocking does;
 * `marks`: what the real-time check caught (claphost), MIDI messages that were sent (jackprobe). */
struct block {
    uint64_t frame, start_ns, frames, duration_ns, switches, marks;
};

#endif
