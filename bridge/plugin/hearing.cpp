#include "hearing.hpp"

#include <cstring>

#include "client.hpp"
#include "sockets.hpp"
#include "wire.hpp"

namespace legando {

namespace {

constexpr int kQueueMessages = 192;
constexpr std::int64_t kMaxAgeNs = 500'000'000;

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

Hearing::Hearing(Client& client) : client_(client), stereo_(2 * kMaxSamplesBytes / 2) { zmq_msg_init(&message_); }

Hearing::~Hearing()
{
    close();
    zmq_msg_close(&message_);
}

void Hearing::open(void* context, const Keys& keys, const std::string& address)
{
    socket_ = zmq_socket(context, ZMQ_SUB);
    set(socket_, ZMQ_RCVHWM, kQueueMessages);
    set(socket_, ZMQ_RCVBUF, 1 << 18);
    prepare(socket_, keys, address, static_cast<std::int64_t>(kMaxAudioBytes));
    zmq_connect(socket_, address.c_str());
}

void Hearing::close()
{
    if (socket_)
        zmq_close(socket_);
    socket_ = nullptr;
    chosen_.clear();
    has_run_ = more_ = false;
}

void Hearing::choose(const std::string& name)
{
    if (name == chosen_ || !is_stream_name(name))
        return;
    if (!chosen_.empty())
        zmq_setsockopt(socket_, ZMQ_UNSUBSCRIBE, chosen_.c_str(), chosen_.size() + 1);
    chosen_ = name;
    has_run_ = false;
    zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, chosen_.c_str(), chosen_.size() + 1);
}

bool Hearing::take(std::int64_t now_ns, bool same_clock)
{
    bool restarted = false;
    for (int turns = 0; turns < kTurnMessages && zmq_msg_recv(&message_, socket_, ZMQ_DONTWAIT) >= 0; ++turns) {
        const bool whole = !zmq_msg_more(&message_) && !more_;
        more_ = zmq_msg_more(&message_);
        if (whole)
            restarted |= accept(static_cast<const std::uint8_t*>(zmq_msg_data(&message_)), zmq_msg_size(&message_), now_ns, same_clock);
        else
            ++client_.refused;
    }
    return restarted;
}

// Hand one message on, and return whether it is the first of a restarted server.
bool Hearing::accept(const std::uint8_t* bytes, std::size_t size, std::int64_t now_ns, bool same_clock)
{
    AudioHeader header;
    if (parse_audio(bytes, size, header) != Refusal::none || header.frame_position >> 62 || header.frames * 2 > stereo_.size()
        || read_samples(bytes, header, stereo_.data()) != Refusal::none) {
        ++client_.refused;
        return false;
    }
    if (chosen_ != header.stream)
        return false;  // was on its way when another was chosen
    if (same_clock && now_ns - static_cast<std::int64_t>(header.timestamp_ns) > kMaxAgeNs) {
        ++client_.stale;
        return false;
    }
    const bool known = has_run_ && std::memcmp(header.stream_id, stream_id_, 16) == 0 && header.sample_rate_hz == rate_hz_;
    if (known && header.sequence <= sequence_)
        return false;  // a repeat
    const bool restarted = has_run_ && !known;
    if (!known || header.frame_position < next_position_) {
        ++run_;
        has_run_ = true;
        std::memcpy(stream_id_, header.stream_id, 16);
        rate_hz_ = header.sample_rate_hz;
    }
    sequence_ = header.sequence;
    next_position_ = header.frame_position + header.frames;
    if (client_.samples.writable() < header.frames * 2 || !client_.blocks.writable()) {
        ++client_.dropped;  // the host has stopped calling
        return restarted;
    }
    client_.samples.write(stereo_.data(), header.frames * 2);
    client_.blocks.push({now_ns, static_cast<std::int64_t>(header.frame_position), header.frames, run_, header.sample_rate_hz});
    return restarted;
}

}  // namespace legando
