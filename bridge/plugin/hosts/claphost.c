/* claphost: a small CLAP host for tests, with commands on its standard input and one line of JSON for each.
 *
 *   cc -O2 -I /usr/share/dpf/distrho/src claphost.c clapplay.c -o claphost -ldl -lpthread
 *   claphost PLUGIN.clap INSTANCES SECONDS SOUND.f32 BLOCKS.bin
 *
 *   load I FILE | save I FILE        state of instance I                  params I | value I ID | latency I
 *   activate RATE_HZ BLOCK_FRAMES    block N: frames a call from now on   deactivate | quit
 *   pace PPM: its clock is that much faster    urgent: its thread has the priority of a DAW's from now on
 *   run FRAMES paced|free            process so many frames, then answer  start paced|free | stop
 *   midi I OFFSET A B C              in the next block                    param I ID VALUE | note I OFFSET KEY ON
 *   hold | give                      what comes in between waits for one block
 *   transport PLAYING TEMPO BEATS    from the next block on               bad malloc|lock|write|nanosleep|syscall
 *
 * SOUND holds left and right of each instance, frame by frame, for so many SECONDS (-60: the last 60, without an end);
 * BLOCKS one `struct block` a call. `bad` does in process(), once, what a plug-in must not, to prove that it would be seen.
 */
#include "clapplay.h"
#include <string.h>
#include "clap/ext/latency.h"
#include "clap/ext/params.h"
#include "clap/ext/state.h"

static int64_t read_state(const clap_istream_t *s, void *data, uint64_t n) { return (int64_t)fread(data, 1, n, s->ctx); }
static int64_t write_state(const clap_ostream_t *s, const void *data, uint64_t n) { return (int64_t)fwrite(data, 1, n, s->ctx); }
static bool pass_state(const clap_plugin_t *p, const char *path, bool loads) {
    const clap_plugin_state_t *state = p->get_extension(p, CLAP_EXT_STATE);
    FILE *file = fopen(path, loads ? "rb" : "wb");
    const clap_istream_t in = {file, read_state};
    const clap_ostream_t out = {file, write_state};
    const bool ok = file && state && (loads ? state->load(p, &in) : state->save(p, &out));
    if (file) fclose(file);
    return ok;
}
static void print_params(const clap_plugin_t *p) {
    const clap_plugin_params_t *params = p->get_extension(p, CLAP_EXT_PARAMS);
    printf("{\"params\": [");
    for (uint32_t j = 0; j < params->count(p); j++) {
        clap_param_info_t about;
        double value = 0;
        params->get_info(p, j, &about);
        params->get_value(p, about.id, &value);
        printf("%s{\"id\": %u, \"name\": \"%s\", \"module\": \"%s\", \"flags\": %u, \"least\": %.9g, \"most\": %.9g, \"default\": %.9g, \"value\": %.9g}",
            j ? ", " : "", about.id, about.name, about.module, about.flags, about.min_value, about.max_value, about.default_value, value);
    }
    puts("]}");
}
/* What is given to process(); false where it is none of these. */
static bool obey_giving(const char *line, const char *word, int i) {
    int n[4] = {0};
    double x = 0, y = 0;
    bool ok = true;
    begin_giving();
    if (sscanf(line, "transport %d %lf %lf", n, &x, &y) == 3) give_transport(n[0], x, y);
    else if (!strcmp(word, "hold") || !strcmp(word, "give")) hold(word[0] == 'h');
    else if (i < 0 || i >= instances) ok = false;
    else if (sscanf(line, "midi %*d %d %d %d %d", n, n + 1, n + 2, n + 3) == 4) {
        event *e = give(i, sizeof e->midi, CLAP_EVENT_MIDI, (uint32_t)n[0]);
        for (int j = 0; j < 3; j++) e->midi.data[j] = (uint8_t)n[1 + j];
    } else if (sscanf(line, "note %*d %d %d %d", n, n + 1, n + 2) == 3) {
        event *e = give(i, sizeof e->note, n[2] ? CLAP_EVENT_NOTE_ON : CLAP_EVENT_NOTE_OFF, (uint32_t)n[0]);
        e->note.note_id = -1, e->note.key = (int16_t)n[1], e->note.velocity = n[2] / 127.0;
    } else if (sscanf(line, "param %*d %d %lf", n, &x) == 2) {
        event *e = give(i, sizeof e->param, CLAP_EVENT_PARAM_VALUE, 0);
        e->param.param_id = (clap_id)n[0], e->param.value = x;
        if (!running) flush_given(i);
    } else ok = false;
    end_giving();
    return ok;
}
static void obey(const char *line) {
    char word[16] = "", text[1024] = "";
    int i = 0, n = 0;
    double x = 0;
    bool ok = true;
    sscanf(line, "%15s %d", word, &i);
    const clap_plugin_t *p = plugins[i >= 0 && i < instances ? i : 0];
    const bool paced = strstr(line, "paced");
    if (!strcmp(word, "params")) { print_params(p); return; }
    if (!strcmp(word, "load") || !strcmp(word, "save")) ok = sscanf(line, "%*s %*d %1023[^\n]", text) == 1 && pass_state(p, text, word[0] == 'l');
    else if (!strcmp(word, "activate")) {
        ok = sscanf(line, "%*s %lf %d", &rate_hz, &n) == 2 && n <= MAX_BLOCK;
        atomic_store(&block_frames, (uint32_t)n);
        for (int j = 0; j < instances; j++) ok = ok && plugins[j]->activate(plugins[j], rate_hz, 1, (uint32_t)n);
    } else if (!strcmp(word, "deactivate")) for (int j = 0; j < instances; j++) plugins[j]->deactivate(plugins[j]);
    else if (!strcmp(word, "pace")) pace_ppm = i;
    else if (!strcmp(word, "urgent")) urgent = true;
    else if (!strcmp(word, "block")) atomic_store(&block_frames, (uint32_t)i);
    else if (!strcmp(word, "start")) start_playing(UINT64_MAX / 2, paced);
    else if (!strcmp(word, "stop")) stop_playing();
    else if (!strcmp(word, "run")) { start_playing((uint64_t)i, paced); finish_playing(); }
    else if (!strcmp(word, "bad")) { sscanf(line, "%*s %15s", text); atomic_store(&bad, text[0]); }
    else if (!strcmp(word, "value")) {
        const clap_plugin_params_t *params = p->get_extension(p, CLAP_EXT_PARAMS);
        ok = sscanf(line, "%*s %*d %d", &n) == 1 && params->get_value(p, (clap_id)n, &x);
    } else if (!strcmp(word, "latency")) {
        const clap_plugin_latency_t *latency = p->get_extension(p, CLAP_EXT_LATENCY);
        x = latency ? (double)latency->get(p) : -1;
    } else ok = obey_giving(line, word, i);
    printf("{\"ok\": %s, \"value\": %.9g, \"frame\": %llu, \"calls\": %llu, \"restarts\": %d, \"dropped\": %llu}\n", ok ? "true" : "false", x,
        (unsigned long long)(running ? 0 : frame), (unsigned long long)(running ? 0 : calls), atomic_load(&restarts), (unsigned long long)dropped_events);
}

int main(int argc, char **argv) {
    char line[1200];
    if (argc != 6 || (instances = atoi(argv[2])) < 1 || instances > MAX_INSTANCES) { fputs("claphost PLUGIN.clap INSTANCES SECONDS SOUND BLOCKS\n", stderr); return 2; }
    const bool endless = argv[3][0] == '-';
    const char *id = open_plugin(argv[1], atof(argv[3] + endless), endless, argv[4], argv[5]);
    printf("{\"id\": \"%s\", \"checked\": %s}\n", id, is_checked() ? "true" : "false");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) && strncmp(line, "quit", 4)) { obey(line); fflush(stdout); }
    if (running) stop_playing();
    close_plugin();
    return 0;
}
