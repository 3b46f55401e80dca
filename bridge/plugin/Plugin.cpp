// The plug-in as the host sees it: parameters, state, and one function that fills a buffer. [audio]
//
// run() reads rings, single atomic numbers, and the monotonic clock through the vDSO; nothing else, and it never waits.
// Sockets live from activate() to deactivate(), in the client's thread: hosts make many of us while they look around.
//
// The host owns its parameters. One that it moves is sent; nothing that the server says ever moves one, so that there
// is nothing for automation to fight with. What the server plays is shown by parameters of its own, which are outputs.
#include "DistrhoPlugin.hpp"

#include <cmath>

#include "client.hpp"
#include "player.hpp"
#include "song.hpp"

START_NAMESPACE_DISTRHO

using namespace legando;

static constexpr const char* kStateKeys[] = {"audio", "control", "stream_name", "keys", "client"};
static constexpr const char* kStateLabels[] = {"Audio endpoint", "Control endpoint", "Name of the stream", "Folder of the keys", "Name of the client's key"};
static constexpr uint32_t kStates = sizeof kStateKeys / sizeof kStateKeys[0];

class LegandoPlugin : public Plugin {
public:
    LegandoPlugin() : Plugin(kParameterCount, 0, kStates), player_(client_.samples, client_.blocks) { setLatency(latency_frames()); }

protected:
    const char* getLabel() const override { return "legando"; }
    const char* getDescription() const override { return "The sound of a running legando, steered by the host and following its tempo"; }
    const char* getMaker() const override { return "legando"; }
    const char* getLicense() const override { return "Apache-2.0"; }
    uint32_t getVersion() const override { return d_version(0, 1, 0); }
    int64_t getUniqueId() const override { return d_cconst('L', 'g', 'n', 'd'); }

    void initAudioPort(bool input, uint32_t index, AudioPort& port) override
    {
        port.groupId = kPortGroupStereo;
        Plugin::initAudioPort(input, index, port);
    }

    void initPortGroup(uint32_t group, PortGroup& port_group) override
    {
        if (group < kGroups) {
            port_group.name = kGroupNames[group];
            port_group.symbol = kGroupSymbols[group];
        }
    }

    void initParameter(uint32_t index, Parameter& parameter) override
    {
        const ParameterInfo& info = kParameters[index];
        parameter.name = info.name;
        parameter.symbol = info.symbol;
        parameter.unit = info.unit;
        parameter.ranges = ParameterRanges(info.normal, info.least, info.most);
        parameter.groupId = info.group;
        switch (info.sort) {
        case Sort::knob:
            parameter.hints = kParameterIsAutomatable;
            break;
        case Sort::whole:
        case Sort::scene:
            parameter.hints = kParameterIsAutomatable | kParameterIsInteger;
            break;
        case Sort::toggle:
        case Sort::own_toggle:
            parameter.hints = kParameterIsAutomatable | kParameterIsBoolean | kParameterIsInteger;
            break;
        case Sort::trigger:
            parameter.hints = kParameterIsAutomatable | kParameterIsTrigger;
            break;
        case Sort::own_knob:  // not meant for automation, but Ardour shows nothing else of a VST3
            parameter.hints = kParameterIsAutomatable;
            break;
        case Sort::own_whole:
            parameter.hints = kParameterIsAutomatable | kParameterIsInteger;
            break;
        case Sort::out:
            parameter.hints = kParameterIsOutput;
            break;
        }
        if (index == kSection)
            name_values(parameter, sizeof kSections / sizeof kSections[0], [](uint32_t n) { return String(kSections[n]); });
        if (index == kKey)
            name_values(parameter, 73, [](uint32_t n) {
                return n ? String(kTonics[(n - 1) % 12]) + String(" ") + String(kModes[(n - 1) / 12]) : String("none");
            });
    }

    float getParameterValue(uint32_t index) const override { return client_.parameters[index].load(std::memory_order_relaxed); }

    void setParameterValue(uint32_t index, float value) override
    {
        if (kParameters[index].sort == Sort::trigger) {
            if (value > 0.5f)
                ++client_.presses[index];
            return;
        }
        if (index == kBuffer && value != client_.parameters[index].load(std::memory_order_relaxed))
            grown_ms_.store(0.0f, std::memory_order_relaxed);
        if (std::isfinite(value))
            client_.parameters[index].store(value, std::memory_order_relaxed);
    }

    void initState(uint32_t index, State& state) override
    {
        state.key = kStateKeys[index];
        state.label = kStateLabels[index];
        state.hints = kStateIsHostWritable | kStateIsOnlyForDSP;
    }

    String getState(const char* key) const override
    {
        const uint32_t n = state_number(key);
        return n < kStates ? String((client_.project().*kMembers[n]).c_str()) : String();
    }

    void setState(const char* key, const char* value) override
    {
        const uint32_t n = state_number(key);
        if (n == kStates)
            return;
        Config config = client_.project();
        config.*kMembers[n] = value;
        client_.configure(config);
    }

    void activate() override
    {
        song_.clear();
        player_.prepare(getSampleRate());
        setLatency(latency_frames());
        client_.start();
    }

    void deactivate() override { client_.stop(); }

    // Hosts of VST3 ask for the latency between this and activate().
    void sampleRateChanged(double) override { setLatency(latency_frames()); }

    void run(const float**, float** outputs, uint32_t frames, const MidiEvent* events, uint32_t count) override
    {
        const std::int64_t now_ns = monotonic_ns();
        const uint32_t latency = latency_frames();
        setLatency(latency);
        player_.set_target(latency * 1e9 / getSampleRate());
        player_.begin(frames, now_ns);
        forward(events, count);
        Saying saying;
        if (song_.next(host_song(), player_.place(), latency / getSampleRate(), now_ns, saying))
            client_.sayings.push(saying);
        player_.pull(outputs[0], outputs[1], frames);
        grow();
        show();
    }

private:
    static constexpr float kMostMs = 500.0f;
    static constexpr std::string Config::*kMembers[kStates] = {&Config::audio, &Config::control, &Config::stream, &Config::keys, &Config::client};

    uint32_t latency_frames() const noexcept
    {
        const float ms = std::max(client_.parameters[kBuffer].load(std::memory_order_relaxed), grown_ms_.load(std::memory_order_relaxed));
        return static_cast<uint32_t>(std::lround(ms * 1e-3 * getSampleRate()));
    }

    // After an underrun, by half; back when the host sets the buffer. A host may activate us anew because of it.
    void grow() noexcept
    {
        const std::uint64_t underruns = player_.feed().underruns;
        if (underruns != underruns_ && client_.parameters[kBufferGrows].load(std::memory_order_relaxed) > 0.5f) {
            const float ms = static_cast<float>(latency_frames() * 1e3 / getSampleRate());
            grown_ms_.store(std::min(1.5f * ms, kMostMs), std::memory_order_relaxed);
        }
        underruns_ = underruns;
    }

    void forward(const MidiEvent* events, uint32_t count) noexcept
    {
        for (uint32_t n = 0; n < count; ++n) {
            const MidiEvent& event = events[n];
            if (event.size < 1 || event.size > 3 || event.data[0] < 0x80 || event.data[0] >= 0xF0)
                continue;
            Saying saying{};
            saying.kind = kMidi;
            saying.time_ns = player_.next_frame_ns() + static_cast<std::int64_t>(event.frame * 1e9 / getSampleRate());
            saying.size = static_cast<std::uint8_t>(event.size);
            for (uint32_t k = 0; k < event.size; ++k)
                saying.data[k] = event.data[k];
            client_.sayings.push(saying);
        }
    }

    HostSong host_song() const noexcept
    {
        const TimePosition& time = getTimePosition();
        const TimePosition::BarBeatTick& bbt = time.bbt;
        if (!bbt.valid || bbt.ticksPerBeat <= 0.0 || bbt.beatType <= 0.0f || client_.parameters[kFollowHost].load(std::memory_order_relaxed) < 0.5f)
            return {};
        const double beats = (bbt.barStartTick + bbt.tick) / bbt.ticksPerBeat + bbt.beat - 1;
        return {true, time.playing, bbt.beatsPerMinute, beats * 16.0 / bbt.beatType};
    }

    void show() noexcept
    {
        const auto set = [this](uint32_t index, float value) { client_.parameters[index].store(value, std::memory_order_relaxed); };
        set(kConnected, client_.connected ? 1.0f : 0.0f);
        set(kReceiving, player_.feed().open() && player_.feed().missing() == 0 ? 1.0f : 0.0f);
        set(kUnderruns, static_cast<float>(player_.feed().underruns));
        set(kBufferNeeded, static_cast<float>(player_.needed_ns() * 1e-6));
        set(kDriftPpm, static_cast<float>(player_.drift_ppm()));
        set(kResampling, player_.direct() ? 0.0f : 1.0f);
        set(kSceneNow, static_cast<float>(client_.scene_now));
        set(kTempoNow, client_.tempo_now);
        set(kPeakDb, client_.peak_db);
    }

    template <class Name>
    static void name_values(Parameter& parameter, uint8_t count, Name&& name)
    {
        parameter.enumValues.count = count;
        parameter.enumValues.restrictedMode = true;
        parameter.enumValues.values = new ParameterEnumerationValue[count];
        for (uint32_t n = 0; n < count; ++n) {
            parameter.enumValues.values[n].value = static_cast<float>(n);
            parameter.enumValues.values[n].label = name(n);
        }
    }

    static uint32_t state_number(const char* key) noexcept
    {
        uint32_t n = 0;
        while (n < kStates && !same_text(kStateKeys[n], key))
            ++n;
        return n;
    }

    Client client_;
    Player player_;
    Song song_;
    std::atomic<float> grown_ms_{0};  // what the buffer has grown to; set by the host's thread when it moves the buffer
    std::uint64_t underruns_ = 0;

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(LegandoPlugin)
};

Plugin* createPlugin() { return new LegandoPlugin(); }

END_NAMESPACE_DISTRHO
