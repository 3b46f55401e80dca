#include "client.hpp"

#include <pthread.h>
#include <signal.h>
#include <zmq.h>

#include <cmath>
#include <cstring>
#include <string>
#include <system_error>

#include "moves.hpp"
#include "sockets.hpp"

namespace legando {

namespace {

constexpr int kQueueMessages = 192;
constexpr int kTurnMs = 4;
constexpr int kTurnMessages = 256;  // of each socket, so that a flood on one does not silence the other
constexpr std::int64_t kHelloEveryNs = 500'000'000;
constexpr std::int64_t kPingEveryNs = 1'000'000'000;
constexpr std::int64_t kGoneNs = 3'500'000'000;
constexpr std::int64_t kSetEveryNs = 20'000'000;  // all knobs at once stay below what a server takes of one client
constexpr std::int64_t kHushNs = 2'000'000'000;
constexpr std::int64_t kMaxAgeNs = 500'000'000;
constexpr std::size_t kRingFrames = 1u << 18;
constexpr std::uint8_t kNoClock[16] = {};
constexpr std::size_t kMaxStreams = 16;

// Say whether a name can be subscribed to; it comes from a project or a server.
bool is_stream_name(const std::string& name)
{
    std::uint8_t field[kStreamNameBytes] = {};
    if (name.empty() || name.size() >= sizeof field)
        return false;
    std::memcpy(field, name.data(), name.size());
    return is_stream_field(field);
}

}  // namespace

// Everything that only the thread touches.
struct Client::Io {
    explicit Io(Client& owner) : client(owner), stereo(2 * kMaxSamplesBytes / 2), moves(owner.panics)
    {
        read_clock_id(clock_id);
        urgent = take_priority();
        zmq_msg_init(&message);
    }

    ~Io()
    {
        close();
        zmq_msg_close(&message);
    }

    void open(const Config& project)
    {
        close();
        server_number = number_of(kServer);
        const Config config = with_defaults(server_number ? from_list(server_number) : project);
        stream_name = config.stream;
        const Keys keys = config.keys.empty() ? Keys{} : read_keys(config.keys, config.client);
        const bool encrypted = static_cast<bool>(keys);
        if (!config.keys.empty() && !encrypted)
            return;  // keys are asked for and not there: never without
        const std::string audio = resolve(config.audio, encrypted), control = resolve(config.control, encrypted);
        context = zmq_ctx_new();
        zmq_ctx_set(context, ZMQ_IO_THREADS, 1);
        if (urgent) {
            zmq_ctx_set(context, ZMQ_THREAD_SCHED_POLICY, SCHED_FIFO);
            zmq_ctx_set(context, ZMQ_THREAD_PRIORITY, kPriority);
        }
        if (!audio.empty()) {
            sub = zmq_socket(context, ZMQ_SUB);
            set(sub, ZMQ_RCVHWM, kQueueMessages);
            set(sub, ZMQ_RCVBUF, 1 << 18);
            prepare(sub, keys, audio, static_cast<std::int64_t>(kMaxAudioBytes));
            zmq_connect(sub, audio.c_str());
        }
        if (!control.empty()) {
            dealer = zmq_socket(context, ZMQ_DEALER);
            set(dealer, ZMQ_IMMEDIATE, 1);
            set(dealer, ZMQ_SNDHWM, 64);
            set(dealer, ZMQ_RCVHWM, 1024);
            prepare(dealer, keys, control, static_cast<std::int64_t>(kMaxControlBytes));
            zmq_connect(dealer, control.c_str());
        }
        hello_ns = 0;
    }

    void close()
    {
        if (dealer && greeted)
            say(kBye, nullptr, 0);
        lose();
        chosen.clear();
        streams.clear();
        has_run = same_clock = more = false;
        for (void** socket : {&sub, &dealer}) {
            if (*socket) {
                set(*socket, ZMQ_LINGER, socket == &dealer ? 20 : 0);
                zmq_close(*socket);
            }
            *socket = nullptr;
        }
        if (context)
            zmq_ctx_term(context);
        context = nullptr;
    }

    int number_of(std::uint32_t parameter) const { return static_cast<int>(std::lround(client.parameters[parameter])); }

    bool must_open() const { return number_of(kServer) != server_number; }

    // Subscribe to the stream that the project names, or to the one of that number at this server.
    void choose_stream()
    {
        const std::size_t number = static_cast<std::size_t>(std::max(0, number_of(kStream)));
        if (number > streams.size() && (dealer || !chosen.empty()))
            return;  // the list is on its way; until then silence, never another stream
        const std::string name = number && number <= streams.size() ? streams[number - 1] : stream_name;
        if (name == chosen || !is_stream_name(name))
            return;
        if (!chosen.empty())
            zmq_setsockopt(sub, ZMQ_UNSUBSCRIBE, chosen.c_str(), chosen.size() + 1);
        chosen = name;
        has_run = false;
        zmq_setsockopt(sub, ZMQ_SUBSCRIBE, chosen.c_str(), chosen.size() + 1);
    }

    // The server is not there any more, or does not know us.
    void lose()
    {
        greeted = false;
        client.connected = false;
        client.tempo_now = 0;
        client.scene_now = 0;
        client.peak_db = -120;
        hello_ns = 0;
    }

    void turn()
    {
        zmq_pollitem_t items[2];
        int count = 0;
        for (void* socket : {sub, dealer})
            if (socket)
                items[count++] = {socket, 0, ZMQ_POLLIN, 0};
        zmq_poll(items, count, kTurnMs);
        const std::int64_t now_ns = monotonic_ns();
        if (sub) {
            choose_stream();
            hear(now_ns);
        }
        if (dealer) {
            listen(now_ns);
            speak(now_ns);
        }
    }

    // Sound.

    void hear(std::int64_t now_ns)
    {
        for (int turns = 0; turns < kTurnMessages && zmq_msg_recv(&message, sub, ZMQ_DONTWAIT) >= 0; ++turns) {
            const bool whole = !zmq_msg_more(&message) && !more;
            more = zmq_msg_more(&message);
            if (whole)
                accept(static_cast<const std::uint8_t*>(zmq_msg_data(&message)), zmq_msg_size(&message), now_ns);
            else
                ++client.refused;
        }
    }

    void accept(const std::uint8_t* bytes, std::size_t size, std::int64_t now_ns)
    {
        AudioHeader header;
        if (parse_audio(bytes, size, header) != Refusal::none || header.frame_position >> 62 || header.frames * 2 > stereo.size()
            || read_samples(bytes, header, stereo.data()) != Refusal::none) {
            ++client.refused;
            return;
        }
        if (chosen != header.stream)
            return;  // was on its way when another was chosen
        if (same_clock && now_ns - static_cast<std::int64_t>(header.timestamp_ns) > kMaxAgeNs) {
            ++client.stale;
            return;
        }
        const bool known = has_run && std::memcmp(header.stream_id, stream_id, 16) == 0 && header.sample_rate_hz == rate_hz;
        if (known && header.sequence <= sequence)
            return;  // a repeat
        if (!known || header.frame_position < next_position) {
            if (has_run && !known && greeted)
                lose();  // the server was restarted: greet it at once
            ++run;
            has_run = true;
            std::memcpy(stream_id, header.stream_id, 16);
            rate_hz = header.sample_rate_hz;
        }
        sequence = header.sequence;
        next_position = header.frame_position + header.frames;
        if (client.samples.writable() < header.frames * 2 || !client.blocks.writable()) {
            ++client.dropped;  // the host has stopped calling
            return;
        }
        client.samples.write(stereo.data(), header.frames * 2);
        client.blocks.push({now_ns, static_cast<std::int64_t>(header.frame_position), header.frames, run, header.sample_rate_hz});
    }

    // Control.

    void listen(std::int64_t now_ns)
    {
        for (int turns = 0; turns < kTurnMessages && zmq_msg_recv(&message, dealer, ZMQ_DONTWAIT) >= 0; ++turns) {
            FromServer came;
            if (zmq_msg_more(&message) || parse_control(static_cast<const std::uint8_t*>(zmq_msg_data(&message)), zmq_msg_size(&message), came) != Refusal::none) {
                ++client.refused;
                continue;
            }
            heard_ns = now_ns;
            take(came, now_ns);
        }
        if (greeted && now_ns - heard_ns > kGoneNs)
            lose();
    }

    void take(const FromServer& came, std::int64_t now_ns)
    {
        if (came.header.kind == kWelcome) {
            greeted = client.connected = true;
            same_clock = std::memcmp(came.welcome.clock_id, clock_id, 16) == 0 && std::memcmp(clock_id, kNoClock, 16) != 0;
            streams.clear();
            moves.repeat();
        } else if (came.header.kind == kStreamInfo) {
            if (streams.size() < kMaxStreams)
                streams.emplace_back(came.stream.name, ::strnlen(came.stream.name, sizeof came.stream.name));
        } else if (came.header.kind == kError) {
            ++client.errors;
            if (came.error.code == kSayHello)
                lose();
            else if (came.error.code == kLed)
                hush_until_ns = now_ns + kHushNs;  // another leads the time: ask again when its silence would count
        } else if (came.header.kind == kBeatEvent)
            client.tempo_now = static_cast<float>(came.beat.tempo_bpm);
        else if (came.header.kind == kSceneEvent)
            client.scene_now = came.scene.number;
        else if (came.header.kind == kLevelsEvent)
            client.peak_db = std::max(came.levels.peak_left_db, came.levels.peak_right_db);
    }

    bool say(Kind kind, const void* body, std::size_t size) { return say(kind, body, size, monotonic_ns()); }

    // `now_ns` is what an offset in the body counts from.
    bool say(Kind kind, const void* body, std::size_t size, std::int64_t now_ns)
    {
        std::uint8_t bytes[kMaxControlBytes];
        const std::size_t total = pack_control(bytes, kind, ++number, static_cast<std::uint64_t>(now_ns), body, size);
        return zmq_send(dealer, bytes, total, ZMQ_DONTWAIT) >= 0;
    }

    void speak(std::int64_t now_ns)
    {
        Saying saying;
        if (!greeted) {
            while (client.sayings.pop(saying)) {
            }
            if (now_ns - hello_ns < kHelloEveryNs && hello_ns)
                return;
            Hello hello{};
            hello.events = kSceneMask | kBeatMask | kLevelsMask;
            std::memcpy(hello.clock_id, clock_id, 16);
            set_text(hello.name, "plug-in");
            say(kHello, &hello, sizeof hello);
            hello_ns = now_ns;
            return;
        }
        while (client.sayings.pop(saying))
            pass_on(saying);
        if (now_ns - set_ns >= kSetEveryNs && moves.tell(client.parameters, client.panics, [this](const char* name, double value) { return set_control(name, value); }))
            set_ns = now_ns;
        if (now_ns - ping_ns > kPingEveryNs) {
            say(kPing, nullptr, 0);
            ping_ns = now_ns;
        }
    }

    void pass_on(const Saying& saying)
    {
        const std::int64_t now_ns = monotonic_ns();
        if (saying.kind == kMidi) {
            Midi midi{saying.time_ns - now_ns, saying.size, {saying.data[0], saying.data[1], saying.data[2]}, 0};
            say(kMidi, &midi, sizeof midi, now_ns);
        } else if (saying.kind == kTransport && (saying.flags & kRelease || (saying.run == run && now_ns >= hush_until_ns))) {
            Transport transport{saying.tempo_bpm, saying.tick, saying.frame_position, 0, saying.flags, 0};
            say(kTransport, &transport, sizeof transport);
        }
    }

    bool set_control(const char* name, double value)
    {
        Set body{value, {}};
        set_text(body.name, name);
        return say(kSet, &body, sizeof body);
    }

    Client& client;
    std::string stream_name, chosen;  // what the project names; what is subscribed to
    std::vector<std::string> streams;  // what the server offers
    int server_number = 0;
    void *context = nullptr, *sub = nullptr, *dealer = nullptr;
    zmq_msg_t message;
    std::vector<float> stereo;
    bool more = false, has_run = false, greeted = false, same_clock = false, urgent = false;
    std::uint8_t stream_id[16] = {}, clock_id[16];
    std::uint64_t sequence = 0, next_position = 0;
    std::uint32_t rate_hz = 0, run = 0, number = 0;
    std::int64_t hello_ns = 0, heard_ns = 0, ping_ns = 0, set_ns = 0, hush_until_ns = 0;
    Moves moves;
};

Client::Client() : samples(2 * kRingFrames), blocks(4096), sayings(1024)
{
    for (std::uint32_t n = 0; n < kParameterCount; ++n)
        parameters[n] = kParameters[n].normal;
}

Client::~Client() { stop(); }

void Client::configure(const Config& config)
{
    const std::lock_guard<std::mutex> guard(lock_);
    if (config == config_)
        return;
    config_ = config;
    ++version_;
}

Config Client::project() const
{
    const std::lock_guard<std::mutex> guard(lock_);
    return config_;
}

void Client::start()
{
    if (thread_.joinable())
        return;
    quit_ = false;
    samples.clear();
    blocks.clear();
    sayings.clear();
    sigset_t all, before;  // signals are the host's business
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // No thread to be had: silence, and the next activate() tries again.
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Client::stop()
{
    quit_ = true;
    if (thread_.joinable())
        thread_.join();
}

void Client::run()
{
    ::pthread_setname_np(::pthread_self(), "legando-bridge");
    Io io(*this);
    bool opened = false;
    std::uint32_t version = 0;
    while (!quit_) {
        if (!opened || version != version_ || io.must_open()) {
            Config config;
            {
                const std::lock_guard<std::mutex> guard(lock_);
                config = config_;
                version = version_;
            }
            io.open(config);
            opened = true;
        }
        io.turn();
    }
}

}  // namespace legando
