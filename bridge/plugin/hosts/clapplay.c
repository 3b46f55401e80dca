/* The thread that processes. Around process() it raises the flag of rtcheck.c, if that is preloaded, and counts voluntary
 * switches of context: whoever blocks, switches. */
#define _GNU_SOURCE
#include "clapplay.h"
#include <string.h>
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/ext/thread-check.h"

#ifdef __linux__
#include <sys/syscall.h>
void rtcheck_enter(void) __attribute__((weak));
int rtcheck_leave(void) __attribute__((weak));
static void misbehave(int what) {
    static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    const struct timespec short_time = {0, 1000};
    if (what == 'm') { void *volatile p = malloc(64); free(p); }
    if (what == 'l') { pthread_mutex_lock(&own); pthread_mutex_unlock(&own); }
    if (what == 'w' && write(2, "", 0) < 0) abort();
    if (what == 'n') nanosleep(&short_time, NULL);
    if (what == 's') syscall(SYS_getppid);
}
#else
static void (*const rtcheck_enter)(void) = NULL;
static int (*const rtcheck_leave)(void) = NULL;
static void misbehave(int what) { (void)what; }
#endif

struct list { uint32_t count; event events[MAX_EVENTS]; };

const clap_plugin_t *plugins[MAX_INSTANCES];
int instances, running;
double rate_hz = 48000, pace_ppm;
uint64_t frame, calls, dropped_events;
_Atomic uint32_t block_frames;
bool urgent;
atomic_int restarts, bad;

static const clap_plugin_entry_t *entry;
static struct list waiting[MAX_INSTANCES], given[MAX_INSTANCES];
static clap_event_transport_t transport_waiting, transport = {.header = {sizeof transport, 0, 0, CLAP_EVENT_TRANSPORT, 0}, .tempo = 120, .tsig_num = 4, .tsig_denom = 4};
static bool has_transport_waiting, held, endless, paced;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t audio, main_thread;
static atomic_int callbacks, stopping;
static float *sound, output[2 * MAX_INSTANCES][MAX_BLOCK];
static struct block *blocks;
static uint64_t limit, capacity; /* frames; one call has one at least */

static bool on_main(const clap_host_t *h) { (void)h; return pthread_equal(pthread_self(), main_thread); }
static bool on_audio(const clap_host_t *h) { return running && !on_main(h); }
static void changed(const clap_host_t *h) { (void)h; }
static void rescan(const clap_host_t *h, uint32_t flags) { (void)h; (void)flags; }
static void clear(const clap_host_t *h, clap_id id, uint32_t flags) { (void)h; (void)id; (void)flags; }
static const void *extension(const clap_host_t *h, const char *id) {
    static const clap_host_thread_check_t threads = {on_main, on_audio};
    static const clap_host_latency_t latency = {changed};
    static const clap_host_params_t params = {rescan, clear, changed};
    static const clap_host_state_t state = {changed};
    (void)h;
    return !strcmp(id, CLAP_EXT_THREAD_CHECK) ? (const void *)&threads : !strcmp(id, CLAP_EXT_LATENCY) ? (const void *)&latency
         : !strcmp(id, CLAP_EXT_PARAMS) ? (const void *)&params : !strcmp(id, CLAP_EXT_STATE) ? (const void *)&state : NULL;
}
static void restart(const clap_host_t *h) { (void)h; atomic_fetch_add(&restarts, 1); }
static void callback(const clap_host_t *h) { (void)h; atomic_fetch_add(&callbacks, 1); }
static void process_request(const clap_host_t *h) { (void)h; }
static uint32_t size(const clap_input_events_t *list) { return ((struct list *)list->ctx)->count; }
static const clap_event_header_t *get(const clap_input_events_t *list, uint32_t i) { return &((struct list *)list->ctx)->events[i].header; }
static bool push(const clap_output_events_t *list, const clap_event_header_t *e) { (void)list; (void)e; return true; }

static void process(int i, uint32_t frames) {
    float *channels[2] = {output[2 * i], output[2 * i + 1]};
    clap_audio_buffer_t buffer = {.data32 = channels, .channel_count = 2};
    const clap_input_events_t in = {&given[i], size, get};
    const clap_output_events_t out = {NULL, push};
    const clap_process_t call = {.steady_time = (int64_t)frame, .frames_count = frames, .transport = &transport,
        .audio_outputs = &buffer, .audio_outputs_count = 1, .in_events = &in, .out_events = &out};
    struct block *b = &blocks[calls++ % capacity];
    const int fault = i == 0 ? atomic_exchange(&bad, 0) : 0;
    const uint64_t switches = switches_so_far(), start = now_ns();
    if (rtcheck_enter) rtcheck_enter();
    if (fault) misbehave(fault);
    const clap_process_status status = plugins[i]->process(plugins[i], &call);
    const int forbidden = rtcheck_leave ? rtcheck_leave() : 0;
    const uint64_t duration = now_ns() - start;
    *b = (struct block){frame, start, frames, duration, switches_so_far() - switches, (uint64_t)forbidden + (status == CLAP_PROCESS_ERROR)};
}
static void take_what_is_given(void) {
    pthread_mutex_lock(&lock);
    for (int i = 0; i < instances; i++) {
        given[i].count = 0;
        if (!held) given[i] = waiting[i], waiting[i].count = 0;
    }
    if (has_transport_waiting) transport = transport_waiting;
    has_transport_waiting = false;
    pthread_mutex_unlock(&lock);
}
static void *play(void *unused) {
    (void)unused;
    if (urgent && !take_urgency()) fputs("no real-time priority\n", stderr);
    const uint64_t began_ns = now_ns(), began = frame;
    for (int i = 0; i < instances; i++) plugins[i]->start_processing(plugins[i]);
    while (frame < limit && !atomic_load(&stopping)) {
        const uint32_t wanted = atomic_load(&block_frames), frames = wanted < limit - frame ? wanted : (uint32_t)(limit - frame);
        if (paced) sleep_until_ns(began_ns + (uint64_t)((double)(frame - began) * 1e9 / (rate_hz * (1 + pace_ppm * 1e-6))));
        take_what_is_given();
        for (int i = 0; i < instances; i++) process(i, frames);
        for (uint32_t f = 0; f < frames; f++)
            for (int c = 0; c < 2 * instances; c++) sound[(frame + f) % capacity * 2u * (uint64_t)instances + (uint64_t)c] = output[c][f];
        frame += frames;
        if (transport.flags & CLAP_TRANSPORT_IS_PLAYING)
            transport.song_pos_beats += (clap_beattime)((double)frames / rate_hz * transport.tempo / 60.0 * (double)CLAP_BEATTIME_FACTOR);
    }
    for (int i = 0; i < instances; i++) plugins[i]->stop_processing(plugins[i]);
    return NULL;
}

void start_playing(uint64_t frames, bool at_its_pace) {
    limit = endless || frame + frames < capacity ? frame + frames : capacity;
    paced = at_its_pace;
    atomic_store(&stopping, 0);
    running = 1;
    pthread_create(&audio, NULL, play, NULL);
}
void finish_playing(void) {
    pthread_join(audio, NULL);
    running = 0;
    while (atomic_exchange(&callbacks, 0)) for (int i = 0; i < instances; i++) plugins[i]->on_main_thread(plugins[i]);
}
void stop_playing(void) { atomic_store(&stopping, 1); finish_playing(); }

void begin_giving(void) { pthread_mutex_lock(&lock); }
void end_giving(void) { pthread_mutex_unlock(&lock); }
event *give(int i, uint32_t bytes, uint16_t type, uint32_t offset) {
    if (waiting[i].count == MAX_EVENTS) { dropped_events++; return &waiting[i].events[MAX_EVENTS - 1]; }
    event *e = &waiting[i].events[waiting[i].count++];
    memset(e, 0, sizeof *e);
    e->header = (clap_event_header_t){.size = bytes, .time = offset, .type = type};
    return e;
}
void give_transport(bool playing, double tempo_bpm, double beats) {
    transport_waiting = (clap_event_transport_t){.header = {sizeof transport, 0, 0, CLAP_EVENT_TRANSPORT, 0}, .tempo = tempo_bpm,
        .flags = CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_TIME_SIGNATURE | (playing ? CLAP_TRANSPORT_IS_PLAYING : 0u),
        .song_pos_beats = (clap_beattime)(beats * (double)CLAP_BEATTIME_FACTOR), .tsig_num = 4, .tsig_denom = 4};
    has_transport_waiting = true;
}
void hold(bool wanted) { held = wanted; }
void flush_given(int i) {
    const clap_plugin_params_t *params = plugins[i]->get_extension(plugins[i], CLAP_EXT_PARAMS);
    const clap_input_events_t in = {&waiting[i], size, get};
    const clap_output_events_t out = {NULL, push};
    params->flush(plugins[i], &in, &out);
    waiting[i].count = 0;
}

bool is_checked(void) { return rtcheck_enter != NULL; }
const char *open_plugin(const char *path, double seconds, bool without_end, const char *sound_path, const char *blocks_path) {
    static const clap_host_t host = {CLAP_VERSION, NULL, "claphost", "legando", "", "1", extension, restart, process_request, callback};
    main_thread = pthread_self();
    void *library = open_library(path);
    entry = library ? find_symbol(library, "clap_entry") : NULL;
    if (!entry || !entry->init(path)) { fprintf(stderr, "%s is no CLAP plug-in\n", path); exit(2); }
    const clap_plugin_factory_t *factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);
    const char *id = factory->get_plugin_descriptor(factory, 0)->id;
    endless = without_end;
    capacity = (uint64_t)(seconds * 48000);
    sound = map_file(sound_path, capacity * 8u * (uint64_t)instances);
    blocks = map_file(blocks_path, capacity * sizeof *blocks);
    for (int i = 0; i < instances; i++) {
        plugins[i] = factory->create_plugin(factory, &host, id);
        if (!plugins[i] || !plugins[i]->init(plugins[i])) { fputs("the plug-in does not start\n", stderr); exit(2); }
    }
    return id;
}
void close_plugin(void) {
    for (int i = 0; i < instances; i++) plugins[i]->destroy(plugins[i]);
    entry->deinit();
}
