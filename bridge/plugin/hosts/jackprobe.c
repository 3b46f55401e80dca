/* jackprobe: records two JACK ports sample by sample, plays MIDI and leads the transport, for tests of a plug-in's host.
 *
 *   cc -O2 jackprobe.c -o jackprobe -ljack        jackprobe SECONDS SOUND.f32 BLOCKS.bin
 *
 *   connect LEFT RIGHT [MIDI]      ports of others; waits until they are there
 *   midi OFFSET A B C              in the next period           tempo BPM | roll | halt | locate FRAME | quit
 *
 * The files are those of claphost.c: left and right, and one `struct block` for each period (its last field counts MIDI).
 */
#include <errno.h>
#include <jack/jack.h>
#include <jack/midiport.h>
#include <jack/transport.h>
#include <stdatomic.h>
#include <string.h>
#include "recording.h"

static jack_client_t *client;
static jack_port_t *inputs[2], *midi_out;
static float *sound;
static struct block *blocks;
static uint64_t capacity, calls;
static _Atomic uint64_t frame;
static _Atomic uint32_t midi_waiting; /* 1: the offset and bytes below are for the next period */
static unsigned char midi_bytes[3];
static uint32_t midi_offset;
static _Atomic double tempo_bpm = 120.0;

static int process(jack_nframes_t frames, void *unused) {
    (void)unused;
    void *midi = jack_port_get_buffer(midi_out, frames);
    const float *left = jack_port_get_buffer(inputs[0], frames), *right = jack_port_get_buffer(inputs[1], frames);
    const uint64_t at = atomic_load(&frame), start = now_ns();
    const uint32_t sending = atomic_exchange(&midi_waiting, 0);
    jack_midi_clear_buffer(midi);
    if (sending) jack_midi_event_write(midi, midi_offset, midi_bytes, 3);
    if (at + frames > capacity) return 0;
    for (jack_nframes_t f = 0; f < frames; f++) sound[2 * (at + f)] = left[f], sound[2 * (at + f) + 1] = right[f];
    blocks[calls++] = (struct block){at, start, frames, now_ns() - start, 0, sending};
    atomic_store(&frame, at + frames);
    return 0;
}

static void lead(jack_transport_state_t state, jack_nframes_t frames, jack_position_t *position, int is_new, void *unused) {
    (void)state, (void)frames, (void)is_new, (void)unused;
    const double beats = (double)position->frame / (double)position->frame_rate * atomic_load(&tempo_bpm) / 60.0;
    const uint64_t whole = (uint64_t)beats;
    position->valid = JackPositionBBT;
    position->beats_per_minute = atomic_load(&tempo_bpm);
    position->beats_per_bar = position->beat_type = 4.0f;
    position->ticks_per_beat = 1920.0;
    position->bar = (int32_t)(whole / 4) + 1;
    position->beat = (int32_t)(whole % 4) + 1;
    position->tick = (int32_t)((beats - (double)whole) * 1920.0);
    position->bar_start_tick = (double)(whole / 4) * 4.0 * 1920.0;
}

/* Connect two ports as soon as both are there and active. */
static int join(const char *from, const char *to) {
    for (int tries = 0; tries < 200; tries++) {
        const int result = jack_port_by_name(client, from) && jack_port_by_name(client, to) ? jack_connect(client, from, to) : -1;
        if (result == 0 || result == EEXIST) return 1;
        usleep(50000);
    }
    return 0;
}

int main(int argc, char **argv) {
    char line[1024], left[256], right[256], midi[256] = "";
    unsigned n[4];
    double x;
    if (argc != 4 || !(client = jack_client_open("probe", JackNoStartServer, NULL))) return 2;
    capacity = (uint64_t)(atof(argv[1]) * jack_get_sample_rate(client));
    sound = map_file(argv[2], capacity * 8);
    blocks = map_file(argv[3], capacity * sizeof *blocks / 16);
    inputs[0] = jack_port_register(client, "left", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    inputs[1] = jack_port_register(client, "right", JACK_DEFAULT_AUDIO_TYPE, JackPortIsInput, 0);
    midi_out = jack_port_register(client, "midi", JACK_DEFAULT_MIDI_TYPE, JackPortIsOutput, 0);
    jack_set_process_callback(client, process, NULL);
    jack_set_timebase_callback(client, 0, lead, NULL);
    if (jack_activate(client)) return 2;
    puts("{\"ok\": true}");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4)) {
        int ok = 1;
        if (sscanf(line, "connect %255s %255s %255s", left, right, midi) >= 2) {
            ok = join(left, "probe:left") && join(right, "probe:right") && (!midi[0] || join("probe:midi", midi));
        } else if (sscanf(line, "midi %u %u %u %u", n, n + 1, n + 2, n + 3) == 4) {
            while (atomic_load(&midi_waiting)) usleep(1000);
            midi_offset = n[0];
            for (int i = 0; i < 3; i++) midi_bytes[i] = (unsigned char)n[1 + i];
            atomic_store(&midi_waiting, 1);
        } else if (sscanf(line, "tempo %lf", &x) == 1) atomic_store(&tempo_bpm, x);
        else if (!strncmp(line, "roll", 4)) jack_transport_start(client);
        else if (!strncmp(line, "halt", 4)) jack_transport_stop(client);
        else if (sscanf(line, "locate %u", n) == 1) ok = jack_transport_locate(client, n[0]) == 0;
        else ok = 0;
        printf("{\"ok\": %s, \"frame\": %llu}\n", ok ? "true" : "false", (unsigned long long)atomic_load(&frame));
        fflush(stdout);
    }
    jack_client_close(client);
    return 0;
}
