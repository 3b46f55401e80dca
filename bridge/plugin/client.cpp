#include "client.hpp"

#include <zmq.h>

#include <cmath>
#include <string>
#include <system_error>

#include "hearing.hpp"
#include "sockets.hpp"
#include "steering.hpp"
#include "system.hpp"

namespace legando {

namespace {

constexpr int kTurnMs = 4;
constexpr std::size_t kRingFrames = 1u << 18;

}  // namespace

// Everything that only the thread touches.
struct Client::Io {
    explicit Io(Client& owner) : client(owner), hearing(owner), steering(owner), policy(take_priority()) {}
    ~Io() { close(); }

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
        if (policy >= 0) {
            zmq_ctx_set(context, ZMQ_THREAD_SCHED_POLICY, policy);
            zmq_ctx_set(context, ZMQ_THREAD_PRIORITY, kPriority);
        }
        if (!audio.empty())
            hearing.open(context, keys, audio);
        if (!control.empty())
            steering.open(context, keys, control);
    }

    void close()
    {
        steering.close();
        hearing.close();
        if (context)
            zmq_ctx_term(context);
        context = nullptr;
    }

    int number_of(std::uint32_t parameter) const { return static_cast<int>(std::lround(client.parameters[parameter])); }

    bool must_open() const { return number_of(kServer) != server_number; }

    // Take the stream that the project names, or the one of that number at this server.
    void choose_stream()
    {
        const std::vector<std::string>& streams = steering.streams();
        const std::size_t number = static_cast<std::size_t>(std::max(0, number_of(kStream)));
        if (number > streams.size() && (steering.socket() || hearing.chosen()))
            return;  // the list is on its way; until then silence, never another stream
        hearing.choose(number && number <= streams.size() ? streams[number - 1] : stream_name);
    }

    void turn()
    {
        zmq_pollitem_t items[2];
        int count = 0;
        for (void* socket : {hearing.socket(), steering.socket()})
            if (socket)
                items[count++] = {socket, 0, ZMQ_POLLIN, 0};
        zmq_poll(items, count, kTurnMs);
        const std::int64_t now_ns = monotonic_ns();
        if (hearing.socket()) {
            choose_stream();
            if (hearing.take(now_ns, steering.same_clock()) && steering.greeted())
                steering.lose();  // the server was restarted: greet it at once
        }
        if (steering.socket()) {
            steering.listen(now_ns);
            steering.speak(now_ns, hearing.run());
        }
    }

    Client& client;
    Hearing hearing;
    Steering steering;
    const int policy;  // of libzmq's threads
    std::string stream_name;  // what the project names
    int server_number = 0;
    void* context = nullptr;
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
    const WithoutSignals quiet;
    try {
        thread_ = std::thread([this] { run(); });
    } catch (const std::system_error&) {
        // No thread to be had: silence, and the next activate() tries again.
    }
}

void Client::stop()
{
    quit_ = true;
    if (thread_.joinable())
        thread_.join();
}

void Client::run()
{
    name_thread("legando-bridge");
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
