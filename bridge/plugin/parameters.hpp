// The plug-in's parameters: symbol, the control of the rig file that it moves, unit, range. [any]
//
// The order is part of every saved project: append, never insert. Symbols are the controls' names with `_` for `.`,
// because LV2 allows nothing else. What has no control is the plug-in's own; `out` is what it shows.
#pragma once

#include <cstdint>

namespace legando {

enum class Sort : std::uint8_t { knob, whole, toggle, trigger, scene, own_knob, own_whole, own_toggle, out };
enum Group : std::uint8_t { kMoods, kMusic, kSound, kParts, kConnection, kShown, kGroups };

struct ParameterInfo {
    const char *symbol, *control, *name, *unit;
    float least, most, normal;
    Sort sort;
    Group group;
};

// clang-format off
constexpr ParameterInfo kParameters[] = {
    // DPF 1.6 takes the first parameter of a VST3 with MIDI input for a controller: it reads as 0 and cannot be set.
    {"reserved", "", "Reserved", "", 0, 1, 0, Sort::out, kShown},
    {"density", "density", "Density", "", 0, 1, 0.5f, Sort::knob, kMoods},
    {"brightness", "brightness", "Brightness", "", 0, 1, 0.5f, Sort::knob, kMoods},
    {"space", "space", "Space", "", 0, 1, 0.5f, Sort::knob, kMoods},
    {"drive", "drive", "Drive", "", 0, 1, 0.5f, Sort::knob, kMoods},
    {"tempo_bpm", "tempo_bpm", "Tempo", "BPM", 40, 240, 120, Sort::knob, kMusic},
    {"scene", "", "Scene", "", 0, 32, 0, Sort::scene, kMusic},
    {"section", "section", "Section", "", 0, 5, 0, Sort::whole, kMusic},
    {"key", "key", "Key", "", 0, 72, 0, Sort::whole, kMusic},
    {"guidance", "guidance", "Guidance", "", 0, 4, 1, Sort::knob, kMusic},
    {"temperature", "temperature", "Temperature", "", 0.05f, 4, 0.9f, Sort::knob, kMusic},
    {"weight_1", "weight.1", "Weight of prompt 1", "", 0, 1, 1, Sort::knob, kMusic},
    {"weight_2", "weight.2", "Weight of prompt 2", "", 0, 1, 1, Sort::knob, kMusic},
    {"weight_3", "weight.3", "Weight of prompt 3", "", 0, 1, 1, Sort::knob, kMusic},
    {"weight_4", "weight.4", "Weight of prompt 4", "", 0, 1, 1, Sort::knob, kMusic},
    {"level", "level", "Level", "", 0, 1, 1, Sort::knob, kSound},
    {"filter", "filter", "Filter", "", -1, 1, 0, Sort::knob, kSound},
    {"mute", "mute", "Mute", "", 0, 1, 0, Sort::toggle, kSound},
    {"freeze", "freeze", "Freeze", "", 0, 1, 0, Sort::toggle, kSound},
    {"panic", "panic", "Panic", "", 0, 1, 0, Sort::trigger, kSound},
    {"mute_chord", "mute.chord", "Mute chords", "", 0, 1, 0, Sort::toggle, kParts},
    {"mute_drums", "mute.drums", "Mute drums", "", 0, 1, 0, Sort::toggle, kParts},
    {"mute_bass", "mute.bass", "Mute bass", "", 0, 1, 0, Sort::toggle, kParts},
    {"mute_lead", "mute.lead", "Mute lead", "", 0, 1, 0, Sort::toggle, kParts},
    {"mute_texture", "mute.texture", "Mute texture", "", 0, 1, 0, Sort::toggle, kParts},
    {"follow_host", "", "Follow the host's tempo", "", 0, 1, 1, Sort::own_toggle, kMusic},
    {"buffer", "", "Buffer", "ms", 2, 500, 40, Sort::own_knob, kConnection},
    {"buffer_grows", "", "Buffer grows by itself", "", 0, 1, 0, Sort::own_toggle, kConnection},
    {"stream", "", "Stream", "", 0, 16, 0, Sort::own_whole, kConnection},
    {"server", "", "Server", "", 0, 8, 0, Sort::own_whole, kConnection},
    {"connected", "", "Connected", "", 0, 1, 0, Sort::out, kShown},
    {"receiving", "", "Receiving sound", "", 0, 1, 0, Sort::out, kShown},
    {"underruns", "", "Underruns", "", 0, 1e6f, 0, Sort::out, kShown},
    {"buffer_needed", "", "Buffer needed", "ms", 0, 1000, 0, Sort::out, kShown},
    {"drift_ppm", "", "Drift", "ppm", -1000, 1000, 0, Sort::out, kShown},
    {"resampling", "", "Resampling", "", 0, 1, 0, Sort::out, kShown},
    {"scene_now", "", "Scene that plays", "", 0, 128, 0, Sort::out, kShown},
    {"tempo_now", "", "Tempo of the music", "BPM", 0, 240, 0, Sort::out, kShown},
    {"peak_db", "", "Peak", "dB", -120, 24, -120, Sort::out, kShown},
    {"loop", "loop", "Loop", "bars", 0, 8, 0, Sort::whole, kMusic},
    {"seed", "seed", "Idea", "", 0, 127, 0, Sort::whole, kMusic},
    {"seed_next", "seed.next", "Next idea", "", 0, 1, 0, Sort::trigger, kMusic},
    {"seed_back", "seed.back", "Idea before", "", 0, 1, 0, Sort::trigger, kMusic},
    {"like", "like", "Like", "", 0, 1, 0, Sort::trigger, kMusic},
    {"dislike", "dislike", "Dislike", "", 0, 1, 0, Sort::trigger, kMusic},
};
// clang-format on

constexpr std::uint32_t kParameterCount = sizeof kParameters / sizeof kParameters[0];

constexpr bool same_text(const char* a, const char* b) noexcept
{
    while (*a && *a == *b)
        ++a, ++b;
    return *a == *b;
}

constexpr std::uint32_t parameter(const char* symbol)
{
    for (std::uint32_t n = 0; n < kParameterCount; ++n)
        if (same_text(kParameters[n].symbol, symbol))
            return n;
    throw "no such parameter";
}

constexpr std::uint32_t kBuffer = parameter("buffer");
constexpr std::uint32_t kBufferGrows = parameter("buffer_grows");
constexpr std::uint32_t kStream = parameter("stream");
constexpr std::uint32_t kServer = parameter("server");
constexpr std::uint32_t kFollowHost = parameter("follow_host");
constexpr std::uint32_t kConnected = parameter("connected");
constexpr std::uint32_t kReceiving = parameter("receiving");
constexpr std::uint32_t kUnderruns = parameter("underruns");
constexpr std::uint32_t kBufferNeeded = parameter("buffer_needed");
constexpr std::uint32_t kDriftPpm = parameter("drift_ppm");
constexpr std::uint32_t kResampling = parameter("resampling");
constexpr std::uint32_t kSceneNow = parameter("scene_now");
constexpr std::uint32_t kTempoNow = parameter("tempo_now");
constexpr std::uint32_t kPeakDb = parameter("peak_db");
constexpr std::uint32_t kSection = parameter("section");
constexpr std::uint32_t kKey = parameter("key");
constexpr std::uint32_t kScene = parameter("scene");

constexpr const char* kGroupNames[kGroups] = {"Moods", "Music", "Sound", "Parts", "Connection", "Shown"};
constexpr const char* kGroupSymbols[kGroups] = {"moods", "music", "sound", "parts", "connection", "shown"};
constexpr const char* kSections[] = {"none", "intro", "build", "full", "break", "solo"};
constexpr const char* kTonics[] = {"C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"};
constexpr const char* kModes[] = {"major", "minor", "dorian", "mixolydian", "phrygian", "lydian"};

}  // namespace legando
