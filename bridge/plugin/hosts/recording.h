/* What the test hosts leave for the tests: a file of samples and a file of one `struct block` for each call. */
#ifndef LEGANDO_RECORDING_H
#define LEGANDO_RECORDING_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Little-endian, 8 bytes each. `switches`: how often the thread gave up its core by itself, which is what blocking does;
 * `marks`: what the real-time check caught (claphost), MIDI messages that were sent (jackprobe). */
struct block {
    uint64_t frame, start_ns, frames, duration_ns, switches, marks;
};

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Make a file of so many bytes, all 0, and map it; ends the program where that cannot be. */
static inline void *map_file(const char *path, uint64_t bytes) {
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    void *at = fd < 0 || ftruncate(fd, (off_t)bytes) ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    close(fd);
    return at;
}

#endif
