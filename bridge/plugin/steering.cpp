#include "steering.hpp"

#include <algorithm>
#include <cstring>

#include "client.hpp"
#include "sockets.hpp"
#include "system.hpp"

namespace legando {

namespace {

constexpr std::int64_t kHelloEveryNs = 500'000'000;
constexpr std::int64_t kPingEveryNs = 250'000'000;  // by the quickest of some seconds a server on another clock knows ours
constexpr std::int64_t kGoneNs = 3'500'000'000;
constexpr std::int64_t kSetEveryNs = 20'000'000;  // all knobs at once stay below what a server takes of one client
constexpr std::int64_t kHushNs = 2'000'000'000;
constexpr std::uint8_t kNoClock[16] = {};
constexpr std::size_t kMaxStreams = 16;

}  // namespace

Steering::Steering(Client& client) : client_(client), moves_(client.presses)
{
    read_clock_id(clock_id_);
    zmq_msg_init(&message_);
}

Steering::~Steering()
{
    close();
    zmq_msg_close(&message_);
}

void Steering::open(void* context, const Keys& keys, const std::string& address)
{
    socket_ = zmq_socket(context, ZMQ_DEALER);
    set(socket_, ZMQ_IMMEDIATE, 1);
    set(socket_, ZMQ_SNDHWM, 64);
    set(socket_, ZMQ_RCVHWM, 1024);
    prepare(socket_, keys, address, static_cast<std::int64_t>(kMaxControlBytes));
    zmq_connect(socket_, address.c_str());
}

void Steering::close()
{
    if (socket_) {
        if (greeted_)
            say(kBye, nullptr, 0, monotonic_ns());
        set(socket_, ZMQ_LINGER, 20);
        zmq_close(socket_);
    }
    socket_ = nullptr;
    lose();
    streams_.clear();
    same_clock_ = false;
}

void Steering::lose()
{
    greeted_ = false;
    client_.connected = false;
    client_.tempo_now = 0;
    client_.scene_now = 0;
    client_.peak_db = -120;
    hello_ns_ = 0;
}

void Steering::listen(std::int64_t now_ns)
{
    for (int turns = 0; turns < kTurnMessages && zmq_msg_recv(&message_, socket_, ZMQ_DONTWAIT) >= 0; ++turns) {
        FromServer came;
        if (zmq_msg_more(&message_) || parse_control(static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_), came) != Refusal::none) {
            ++client_.refused;
            continue;
        }
        heard_ns_ = now_ns;
        take(came, now_ns);
    }
    if (greeted_ && now_ns - heard_ns_ > kGoneNs)
        lose();
}

void Steering::take(const FromServer& came, std::int64_t now_ns)
{
    if (came.header.kind == kWelcome) {
        greeted_ = client_.connected = true;
        same_clock_ = std::memcmp(came.welcome.clock_id, clock_id_, 16) == 0 && std::memcmp(clock_id_, kNoClock, 16) != 0;
        streams_.clear();
        moves_.repeat();
    } else if (came.header.kind == kStreamInfo) {
        if (streams_.size() < kMaxStreams)
            streams_.emplace_back(came.stream.name, ::strnlen(came.stream.name, sizeof came.stream.name));
    } else if (came.header.kind == kError) {
        ++client_.errors;
        if (came.error.code == kSayHello)
            lose();
        else if (came.error.code == kLed)
            hush_until_ns_ = now_ns + kHushNs;  // another leads the time: ask again when its silence would count
    } else if (came.header.kind == kBeatEvent)
        client_.tempo_now = static_cast<float>(came.beat.tempo_bpm);
    else if (came.header.kind == kSceneEvent)
        client_.scene_now = came.scene.number;
    else if (came.header.kind == kLevelsEvent)
        client_.peak_db = std::max(came.levels.peak_left_db, came.levels.peak_right_db);
}

void Steering::speak(std::int64_t now_ns, std::uint32_t run)
{
    Saying saying;
    if (!greeted_) {
        while (client_.sayings.pop(saying)) {
        }
        if (now_ns - hello_ns_ >= kHelloEveryNs || !hello_ns_)
            greet(now_ns);
        return;
    }
    while (client_.sayings.pop(saying))
        pass_on(saying, run);
    if (now_ns - set_ns_ >= kSetEveryNs && moves_.tell(client_.parameters, client_.presses, [this](const char* name, double value) { return set_control(name, value); }))
        set_ns_ = now_ns;
    if (now_ns - ping_ns_ > kPingEveryNs) {
        say(kPing, nullptr, 0, now_ns);
        ping_ns_ = now_ns;
    }
}

void Steering::greet(std::int64_t now_ns)
{
    Hello hello{};
    hello.events = kSceneMask | kBeatMask | kLevelsMask;
    std::memcpy(hello.clock_id, clock_id_, 16);
    set_text(hello.name, "plug-in");
    say(kHello, &hello, sizeof hello, now_ns);
    hello_ns_ = now_ns;
}

void Steering::pass_on(const Saying& saying, std::uint32_t run)
{
    const std::int64_t now_ns = monotonic_ns();
    if (saying.kind == kMidi) {
        Midi midi{saying.time_ns - now_ns, saying.size, {saying.data[0], saying.data[1], saying.data[2]}, 0};
        say(kMidi, &midi, sizeof midi, now_ns);
    } else if (saying.kind == kTransport && (saying.flags & kRelease || (saying.run == run && now_ns >= hush_until_ns_))) {
        Transport transport{saying.tempo_bpm, saying.tick, saying.frame_position, 0, saying.flags, 0};
        say(kTransport, &transport, sizeof transport, now_ns);
    }
}

bool Steering::set_control(const char* name, double value)
{
    Set body{value, {}};
    set_text(body.name, name);
    return say(kSet, &body, sizeof body, monotonic_ns());
}

bool Steering::say(Kind kind, const void* body, std::size_t size, std::int64_t now_ns)
{
    std::uint8_t bytes[kMaxControlBytes];
    const std::size_t total = pack_control(bytes, kind, ++number_, static_cast<std::uint64_t>(now_ns), body, size);
    return zmq_send(socket_, bytes, total, ZMQ_DONTWAIT) >= 0;
}

}  // namespace legando
