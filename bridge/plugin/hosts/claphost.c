/* claphost: a small CLAP host for tests, with commands on its standard input and one line of JSON for each.
 *
 *   cc -O2 -I /usr/share/dpf/distrho/src claphost.c -o claphost -ldl -lpthread
 *   claphost PLUGIN.clap INSTANCES SECONDS SOUND.f32 BLOCKS.bin
 *
 *   load I FILE | save I FILE        state of instance I                  params I | value I ID | latency I
 *   activate RATE_HZ BLOCK_FRAMES    block N: frames a call from now on   deactivate | quit
 *   pace PPM: its clock is that much faster
 *   run FRAMES paced|free            process so many frames, then answer  start paced|free | stop
 *   midi I OFFSET A B C              in the next block                    param I ID VALUE | note I OFFSET KEY ON
 *   hold | give                      what comes in between waits for one block
 *   transport PLAYING TEMPO BEATS    from the next block on               bad malloc|mutex|write|nanosleep|syscall
 *
 * SOUND holds left and right of each instance, frame by frame, for so many SECONDS (-60: the last 60, without an end); BLOCKS one `struct block` a call. A thread of its own
 * processes. Around process() it raises the flag of rtcheck.c, if that is preloaded; `bad` does in there, once, what a
 * plug-in must not, to prove that it would be seen. It counts voluntary switches of context: whoever blocks, switches.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "clap/entry.h"
#include "clap/plugin-factory.h"
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"
#include "clap/ext/thread-check.h"
#include "recording.h"

enum { MAX_INSTANCES = 8, MAX_EVENTS = 256, MAX_BLOCK = 8192 };
typedef union { clap_event_header_t header; clap_event_midi_t midi; clap_event_note_t note; clap_event_param_value_t param; } event;
struct list { uint32_t count; event events[MAX_EVENTS]; };

void rtcheck_enter(void) __attribute__((weak));
int rtcheck_leave(void) __attribute__((weak));

static const clap_plugin_t *plugins[MAX_INSTANCES];
static struct list waiting[MAX_INSTANCES], given[MAX_INSTANCES];
static clap_event_transport_t transport_waiting, transport;
static bool has_transport_waiting, held, endless;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_t audio, main_thread;
static atomic_int restarts, callbacks, stopping, bad;
static _Atomic uint32_t block_frames;
static int instances, running, paced;
static double rate_hz = 48000, pace_ppm;
static float *sound, output[2 * MAX_INSTANCES][MAX_BLOCK];
static struct block *blocks;
static uint64_t frame, limit, calls, capacity, dropped_events;

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

static void misbehave(int what) {
    static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    const struct timespec short_time = {0, 1000};
    if (what == 'm') { void *volatile p = malloc(64); free(p); }
    if (what == 'l') { pthread_mutex_lock(&own); pthread_mutex_unlock(&own); }
    if (what == 'w' && write(2, "", 0) < 0) abort();
    if (what == 'n') nanosleep(&short_time, NULL);
    if (what == 's') syscall(SYS_getppid);
}
static void process(int i, uint32_t frames) {
    float *channels[2] = {output[2 * i], output[2 * i + 1]};
    clap_audio_buffer_t buffer = {.data32 = channels, .channel_count = 2};
    const clap_input_events_t in = {&given[i], size, get};
    const clap_output_events_t out = {NULL, push};
    const clap_process_t call = {.steady_time = (int64_t)frame, .frames_count = frames, .transport = &transport,
        .audio_outputs = &buffer, .audio_outputs_count = 1, .in_events = &in, .out_events = &out};
    struct rusage before, after;
    struct block *b = &blocks[calls++ % (capacity / 16)];
    const int fault = i == 0 ? atomic_exchange(&bad, 0) : 0;
    getrusage(RUSAGE_THREAD, &before);
    const uint64_t start = now_ns();
    if (rtcheck_enter) rtcheck_enter();
    if (fault) misbehave(fault);
    const clap_process_status status = plugins[i]->process(plugins[i], &call);
    const int forbidden = rtcheck_leave ? rtcheck_leave() : 0;
    const uint64_t end = now_ns();
    getrusage(RUSAGE_THREAD, &after);
    *b = (struct block){frame, start, frames, end - start, (uint64_t)(after.ru_nvcsw - before.ru_nvcsw),
        (uint64_t)forbidden + (status == CLAP_PROCESS_ERROR)};
}
static void *play(void *unused) {
    (void)unused;
    const uint64_t began_ns = now_ns(), began = frame;
    for (int i = 0; i < instances; i++) plugins[i]->start_processing(plugins[i]);
    while (frame < limit && !atomic_load(&stopping)) {
        const uint32_t wanted = atomic_load(&block_frames), frames = wanted < limit - frame ? wanted : (uint32_t)(limit - frame);
        if (paced) {
            const uint64_t due = began_ns + (uint64_t)((double)(frame - began) * 1e9 / (rate_hz * (1 + pace_ppm * 1e-6)));
            const struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        }
        pthread_mutex_lock(&lock);
        for (int i = 0; i < instances; i++) {
            given[i].count = 0;
            if (!held) given[i] = waiting[i], waiting[i].count = 0;
        }
        if (has_transport_waiting) transport = transport_waiting;
        has_transport_waiting = false;
        pthread_mutex_unlock(&lock);
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
static event *add(int i, uint32_t bytes, uint16_t type, uint32_t offset) { /* under the lock */
    if (waiting[i].count == MAX_EVENTS) { dropped_events++; return &waiting[i].events[MAX_EVENTS - 1]; }
    event *e = &waiting[i].events[waiting[i].count++];
    memset(e, 0, sizeof *e);
    e->header = (clap_event_header_t){.size = bytes, .time = offset, .type = type};
    return e;
}
static void flush(int i) { /* nobody processes: what waits is given by itself */
    const clap_plugin_params_t *params = plugins[i]->get_extension(plugins[i], CLAP_EXT_PARAMS);
    const clap_input_events_t in = {&waiting[i], size, get};
    const clap_output_events_t out = {NULL, push};
    params->flush(plugins[i], &in, &out);
    waiting[i].count = 0;
}
static int64_t read_state(const clap_istream_t *s, void *data, uint64_t n) { return (int64_t)fread(data, 1, n, s->ctx); }
static int64_t write_state(const clap_ostream_t *s, const void *data, uint64_t n) { return (int64_t)fwrite(data, 1, n, s->ctx); }
static void begin(uint64_t frames, const char *how) {
    limit = endless || frame + frames < capacity ? frame + frames : capacity;
    paced = how[0] == 'p';
    atomic_store(&stopping, 0);
    running = 1;
    pthread_create(&audio, NULL, play, NULL);
}
static void end(void) {
    pthread_join(audio, NULL);
    running = 0;
    while (atomic_load(&callbacks)) { atomic_store(&callbacks, 0); for (int i = 0; i < instances; i++) plugins[i]->on_main_thread(plugins[i]); }
}

static void obey(const char *line) {
    char word[16] = "", text[1024] = "";
    int i = 0, n[4] = {0};
    double x = 0, y = 0;
    bool ok = true;
    sscanf(line, "%15s %d", word, &i);
    const clap_plugin_t *p = plugins[i >= 0 && i < instances ? i : 0];
    if (!strcmp(word, "load") || !strcmp(word, "save")) {
        const clap_plugin_state_t *state = p->get_extension(p, CLAP_EXT_STATE);
        FILE *file = sscanf(line, "%*s %*d %1023[^\n]", text) == 1 ? fopen(text, word[0] == 'l' ? "rb" : "wb") : NULL;
        const clap_istream_t in = {file, read_state};
        const clap_ostream_t out = {file, write_state};
        ok = file && state && (word[0] == 'l' ? state->load(p, &in) : state->save(p, &out));
        if (file) fclose(file);
    } else if (!strcmp(word, "activate")) {
        ok = sscanf(line, "%*s %lf %d", &rate_hz, n) == 2 && n[0] <= MAX_BLOCK;
        atomic_store(&block_frames, (uint32_t)n[0]);
        for (int j = 0; j < instances; j++) ok = ok && plugins[j]->activate(plugins[j], rate_hz, 1, (uint32_t)n[0]);
    } else if (!strcmp(word, "deactivate")) for (int j = 0; j < instances; j++) plugins[j]->deactivate(plugins[j]);
    else if (!strcmp(word, "pace")) pace_ppm = i;
    else if (!strcmp(word, "block")) atomic_store(&block_frames, (uint32_t)i);
    else if (!strcmp(word, "start")) begin(UINT64_MAX / 2, strstr(line, "paced") ? "paced" : "free");
    else if (!strcmp(word, "stop")) { atomic_store(&stopping, 1); end(); }
    else if (!strcmp(word, "run")) { begin((uint64_t)i, strstr(line, "paced") ? "paced" : "free"); end(); }
    else if (!strcmp(word, "bad")) { sscanf(line, "%*s %15s", text); atomic_store(&bad, !strcmp(text, "mutex") ? 'l' : text[0]); }
    else if (!strcmp(word, "value") || !strcmp(word, "params")) {
        const clap_plugin_params_t *params = p->get_extension(p, CLAP_EXT_PARAMS);
        if (sscanf(line, "%*s %*d %d", n) == 1) ok = params->get_value(p, (clap_id)n[0], &x);
        else {
            printf("{\"params\": [");
            for (uint32_t j = 0; j < params->count(p); j++) {
                clap_param_info_t about;
                params->get_info(p, j, &about);
                params->get_value(p, about.id, &y);
                printf("%s{\"id\": %u, \"name\": \"%s\", \"module\": \"%s\", \"flags\": %u, \"least\": %.9g, \"most\": %.9g, \"default\": %.9g, \"value\": %.9g}",
                    j ? ", " : "", about.id, about.name, about.module, about.flags, about.min_value, about.max_value, about.default_value, y);
            }
            puts("]}");
            return;
        }
    } else if (!strcmp(word, "latency")) {
        const clap_plugin_latency_t *latency = p->get_extension(p, CLAP_EXT_LATENCY);
        x = latency ? (double)latency->get(p) : -1;
    } else {
        pthread_mutex_lock(&lock);
        if (sscanf(line, "midi %*d %d %d %d %d", n, n + 1, n + 2, n + 3) == 4) {
            event *e = add(i, sizeof e->midi, CLAP_EVENT_MIDI, (uint32_t)n[0]);
            for (int j = 0; j < 3; j++) e->midi.data[j] = (uint8_t)n[1 + j];
        } else if (sscanf(line, "note %*d %d %d %d", n, n + 1, n + 2) == 3) {
            event *e = add(i, sizeof e->note, n[2] ? CLAP_EVENT_NOTE_ON : CLAP_EVENT_NOTE_OFF, (uint32_t)n[0]);
            e->note.note_id = -1, e->note.key = (int16_t)n[1], e->note.velocity = n[2] / 127.0;
        } else if (sscanf(line, "param %*d %d %lf", n, &x) == 2) {
            event *e = add(i, sizeof e->param, CLAP_EVENT_PARAM_VALUE, 0);
            e->param.param_id = (clap_id)n[0], e->param.value = x;
            if (!running) flush(i);
        } else if (sscanf(line, "transport %d %lf %lf", n, &x, &y) == 3) {
            transport_waiting = (clap_event_transport_t){.header = {sizeof transport, 0, 0, CLAP_EVENT_TRANSPORT, 0}, .tempo = x,
                .flags = CLAP_TRANSPORT_HAS_TEMPO | CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_TIME_SIGNATURE | (n[0] ? CLAP_TRANSPORT_IS_PLAYING : 0u),
                .song_pos_beats = (clap_beattime)(y * (double)CLAP_BEATTIME_FACTOR), .tsig_num = 4, .tsig_denom = 4};
            has_transport_waiting = true;
        } else if (!strcmp(word, "hold")) held = true;
        else if (!strcmp(word, "give")) held = false;
        else ok = false;
        pthread_mutex_unlock(&lock);
    }
    printf("{\"ok\": %s, \"value\": %.9g, \"frame\": %llu, \"calls\": %llu, \"restarts\": %d, \"dropped\": %llu}\n", ok ? "true" : "false", x,
        (unsigned long long)(running ? 0 : frame), (unsigned long long)(running ? 0 : calls), atomic_load(&restarts), (unsigned long long)dropped_events);
}

int main(int argc, char **argv) {
    static const clap_host_t host = {CLAP_VERSION, NULL, "claphost", "legando", "", "1", extension, restart, process_request, callback};
    char line[1200];
    main_thread = pthread_self();
    if (argc != 6 || (instances = atoi(argv[2])) < 1 || instances > MAX_INSTANCES) { fputs("claphost PLUGIN.clap INSTANCES SECONDS SOUND BLOCKS\n", stderr); return 2; }
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    const clap_plugin_entry_t *entry = library ? dlsym(library, "clap_entry") : NULL;
    if (!entry || !entry->init(argv[1])) { fprintf(stderr, "%s: %s\n", argv[1], library ? "no CLAP" : dlerror()); return 2; }
    const clap_plugin_factory_t *factory = entry->get_factory(CLAP_PLUGIN_FACTORY_ID);
    endless = argv[3][0] == '-';
    capacity = (uint64_t)(atof(argv[3] + endless) * 48000);
    sound = map_file(argv[4], capacity * 8u * (uint64_t)instances);
    blocks = map_file(argv[5], capacity / 16 * sizeof *blocks);
    transport = (clap_event_transport_t){.header = {sizeof transport, 0, 0, CLAP_EVENT_TRANSPORT, 0}, .tempo = 120, .tsig_num = 4, .tsig_denom = 4};
    for (int i = 0; i < instances; i++) {
        plugins[i] = factory->create_plugin(factory, &host, factory->get_plugin_descriptor(factory, 0)->id);
        if (!plugins[i] || !plugins[i]->init(plugins[i])) { fputs("the plug-in does not start\n", stderr); return 2; }
    }
    printf("{\"id\": \"%s\", \"checked\": %s}\n", factory->get_plugin_descriptor(factory, 0)->id, rtcheck_enter ? "true" : "false");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4)) { obey(line); fflush(stdout); }
    if (running) { atomic_store(&stopping, 1); end(); }
    for (int i = 0; i < instances; i++) plugins[i]->destroy(plugins[i]);
    entry->deinit();
    return 0;
}
