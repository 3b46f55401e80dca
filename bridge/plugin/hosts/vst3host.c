/* vst3host: opens a VST3 plug-in, plays it at the pace of sound, and records; for systems that no other host is there for.
 *
 *   cc -O2 -fms-extensions -I /usr/share/dpf/distrho/src vst3host.c -o vst3host -ldl
 *   vst3host PLUGIN SECONDS SOUND.f32 BLOCKS.bin
 *
 * PLUGIN is the library inside the bundle. It plays at 48 kHz in blocks of 256, its song at 131 BPM from the first, and
 * then says on one line of JSON what the plug-in is called and its latency in frames. The files are those of claphost.c.
 */
#include <string.h>
#include "recording.h"
#include "travesty/factory.h"
#include "travesty/component.h"
#include "travesty/audio_processor.h"

enum { BLOCK_FRAMES = 256, RATE_HZ = 48000 };
static const double TEMPO_BPM = 131.0;

#define NEED(condition, what) do { if (!(condition)) { fprintf(stderr, "%s\n", what); return 2; } } while (0)

/* What the plug-in shows comes as changes of parameters, which nobody here looks at. */
static v3_result V3_API add_point(void *self, int32_t offset, double value, int32_t *index) { (void)self; (void)offset; (void)value; *index = 0; return V3_OK; }
static struct v3_param_value_queue queue = {.add_point = add_point}, *queue_object = &queue;
static struct v3_param_value_queue **V3_API add_queue(void *self, v3_param_id *id, int32_t *index) { (void)self; (void)id; *index = 0; return &queue_object; }
static struct v3_param_changes shown = {.add_param_data = add_queue}, *shown_object = &shown;

int main(int argc, char **argv) {
    NEED(argc == 5, "vst3host PLUGIN SECONDS SOUND BLOCKS");
    const uint64_t count = (uint64_t)(atof(argv[2]) * RATE_HZ / BLOCK_FRAMES);
    float *sound = map_file(argv[3], count * BLOCK_FRAMES * 8);
    struct block *blocks = map_file(argv[4], count * sizeof *blocks);
    void *library = open_library(argv[1]);
    NEED(library, "no library");
#ifdef _WIN32
    bool (*enter)(void) = (bool (*)(void))find_symbol(library, "InitDll");
    NEED(enter && enter(), "InitDll refuses");
#else
    bool (*enter)(void *) = (bool (*)(void *))find_symbol(library, "ModuleEntry");
    NEED(enter && enter(library), "ModuleEntry refuses");
#endif
    const void *(*get_factory)(void) = (const void *(*)(void))find_symbol(library, "GetPluginFactory");
    NEED(get_factory, "no GetPluginFactory");
    struct v3_plugin_factory **factory = (struct v3_plugin_factory **)get_factory();
    struct v3_class_info about;
    NEED(factory && (*factory)->num_classes(factory) > 0 && (*factory)->get_class_info(factory, 0, &about) == V3_OK, "an empty factory");
    struct v3_component **component = NULL;
    struct v3_audio_processor **processor = NULL;
    NEED((*factory)->create_instance(factory, about.class_id, v3_component_iid, (void **)&component) == V3_OK, "no component");
    NEED((*component)->initialize(component, NULL) == V3_OK, "it does not start");
    NEED((*component)->query_interface(component, v3_audio_processor_iid, (void **)&processor) == V3_OK, "no processor");
    struct v3_process_setup setup = {V3_REALTIME, V3_SAMPLE_32, BLOCK_FRAMES, RATE_HZ};
    NEED((*processor)->setup_processing(processor, &setup) == V3_OK, "it does not take 48 kHz");
    (*component)->activate_bus(component, V3_AUDIO, V3_OUTPUT, 0, true);
    NEED((*component)->set_active(component, true) == V3_OK, "it cannot be activated");
    (*processor)->set_processing(processor, true);

    float left[BLOCK_FRAMES], right[BLOCK_FRAMES], *channels[2] = {left, right};
    const uint64_t began = now_ns();
    for (uint64_t n = 0; n < count; n++) {
        struct v3_audio_bus_buffers out = {.num_channels = 2, .channel_buffers_32 = channels};
        struct v3_process_context context = {
            .state = V3_PROCESS_CTX_PLAYING | V3_PROCESS_CTX_PROJECT_TIME_VALID | V3_PROCESS_CTX_TEMPO_VALID | V3_PROCESS_CTX_TIME_SIG_VALID,
            .sample_rate = RATE_HZ, .project_time_in_samples = (int64_t)(n * BLOCK_FRAMES), .bpm = TEMPO_BPM,
            .project_time_quarters = (double)(n * BLOCK_FRAMES) / RATE_HZ * TEMPO_BPM / 60, .time_sig_numerator = 4, .time_sig_denom = 4};
        struct v3_process_data data = {.process_mode = V3_REALTIME, .symbolic_sample_size = V3_SAMPLE_32, .nframes = BLOCK_FRAMES,
            .num_output_buses = 1, .outputs = &out, .output_params = &shown_object, .ctx = &context};
        sleep_until_ns(began + n * BLOCK_FRAMES * 1000000000u / RATE_HZ);
        const uint64_t start = now_ns();
        NEED((*processor)->process(processor, &data) == V3_OK, "process() fails");
        for (int f = 0; f < BLOCK_FRAMES; f++) {
            sound[2 * (n * BLOCK_FRAMES + (uint64_t)f)] = left[f];
            sound[2 * (n * BLOCK_FRAMES + (uint64_t)f) + 1] = right[f];
        }
        blocks[n] = (struct block){n * BLOCK_FRAMES, start, BLOCK_FRAMES, now_ns() - start, 0, 0};
    }
    printf("{\"name\": \"%s\", \"latency\": %u}\n", about.name, (*processor)->get_latency_samples(processor));
    (*processor)->set_processing(processor, false);
    (*component)->set_active(component, false);
    (*processor)->unref(processor);
    (*component)->terminate(component);
    (*component)->unref(component);
    return 0;
}
