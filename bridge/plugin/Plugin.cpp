// The plug-in as the host sees it: parameters, state, and one function that fills a buffer. [audio]
//
// run() reads rings and atomic numbers, and the monotonic clock through the vDSO; nothing else. It never waits.
#include "DistrhoPlugin.hpp"

#include <cmath>

#include "client.hpp"
#include "player.hpp"

START_NAMESPACE_DISTRHO

using namespace legando;

static constexpr const char* kStateKeys[] = {"audio", "control", "stream", "keys", "client"};
static constexpr const char* kStateLabels[] = {"Audio endpoint", "Control endpoint", "Stream", "Folder of keys", "Name of the client key"};
static constexpr uint32_t kStates = sizeof kStateKeys / sizeof kStateKeys[0];

class LegandoPlugin : public Plugin {
public:
    LegandoPlugin() : Plugin(kParameterCount, 0, kStates), player_(client_.samples, client_.blocks) { setLatency(latency_frames()); }

protected:
    const char* getLabel() const override { return "legando"; }
    const char* getDescription() const override { return "The sound of a running legando, steered by the host"; }
    const char* getMaker() const override { return "legando"; }
    const char* getLicense() const override { return "Apache-2.0"; }
    uint32_t getVersion() const override { return d_version(0, 1, 0); }
    int64_t getUniqueId() const override { return d_cconst('L', 'g', 'n', 'd'); }

    void initParameter(uint32_t index, Parameter& parameter) override
    {
        const ParameterInfo& info = kParameters[index];
        parameter.hints = info.sort == Sort::out ? kParameterIsOutput : kParameterIsAutomatable;
        if (info.sort == Sort::trigger)
            parameter.hints |= kParameterIsTrigger;
        if (info.sort == Sort::toggle || info.sort == Sort::own_toggle)
            parameter.hints |= kParameterIsBoolean | kParameterIsInteger;
        if (info.sort == Sort::whole || info.sort == Sort::own_whole || info.sort == Sort::scene)
            parameter.hints |= kParameterIsInteger;
        parameter.name = info.name;
        parameter.symbol = info.symbol;
        parameter.unit = info.unit;
        parameter.ranges = ParameterRanges(info.normal, info.least, info.most);
    }

    float getParameterValue(uint32_t index) const override { return client_.parameters[index]; }

    void setParameterValue(uint32_t index, float value) override
    {
        if (index == kPanic) {
            if (value > 0.5f)
                ++client_.panics;
            return;
        }
        client_.parameters[index] = value;
    }

    void initState(uint32_t index, State& state) override
    {
        state.key = kStateKeys[index];
        state.label = kStateLabels[index];
        state.hints = kStateIsHostWritable;
    }

    String getState(const char* key) const override
    {
        const std::string* value = const_cast<LegandoPlugin*>(this)->member(key);
        return String(value ? value->c_str() : "");
    }

    void setState(const char* key, const char* value) override
    {
        if (std::string* const place = member(key)) {
            *place = value;
            client_.configure(config_);
        }
    }

    void activate() override
    {
        player_.prepare(getSampleRate());
        setLatency(latency_frames());
        client_.start();
    }

    void deactivate() override { client_.stop(); }

    void run(const float**, float** outputs, uint32_t frames, const MidiEvent* events, uint32_t count) override
    {
        const std::int64_t now_ns = monotonic_ns();
        const uint32_t latency = latency_frames();
        setLatency(latency);
        player_.set_target(latency * 1e9 / getSampleRate());
        for (uint32_t n = 0; n < count; ++n)
            pass_on(events[n], now_ns);
        player_.begin(frames, now_ns);
        player_.pull(outputs[0], outputs[1], frames);
        client_.parameters[kConnected] = client_.connected ? 1.0f : 0.0f;
        client_.parameters[kUnderruns] = static_cast<float>(player_.feed().underruns);
        client_.parameters[kTempoNow] = client_.tempo_now.load();
        client_.parameters[kPeakDb] = client_.peak_db.load();
    }

private:
    uint32_t latency_frames() const noexcept { return static_cast<uint32_t>(std::lround(client_.parameters[kBuffer] * 1e-3 * getSampleRate())); }

    void pass_on(const MidiEvent& event, std::int64_t now_ns) noexcept
    {
        if (event.size < 1 || event.size > 3 || event.data[0] < 0x80 || event.data[0] >= 0xF0)
            return;
        Saying saying{};
        saying.kind = kMidi;
        saying.time_ns = now_ns + static_cast<std::int64_t>(event.frame * 1e9 / getSampleRate());
        saying.size = static_cast<std::uint8_t>(event.size);
        for (uint32_t n = 0; n < event.size; ++n)
            saying.data[n] = event.data[n];
        client_.sayings.push(saying);
    }

    std::string* member(const char* key)
    {
        std::string* const members[] = {&config_.audio, &config_.control, &config_.stream, &config_.keys, &config_.client};
        for (uint32_t n = 0; n < kStates; ++n)
            if (same_text(kStateKeys[n], key))
                return members[n];
        return nullptr;
    }

    Client client_;
    Player player_;
    Config config_;

    DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(LegandoPlugin)
};

Plugin* createPlugin() { return new LegandoPlugin(); }

END_NAMESPACE_DISTRHO
