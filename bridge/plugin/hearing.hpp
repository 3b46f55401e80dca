// Hearing: the audio socket; which stream it takes, and what of its messages the player gets. [control]
#pragma once

#include <zmq.h>

#include <cstdint>
#include <string>
#include <vector>

#include "client_config.hpp"

namespace legando {

class Client;

class Hearing {
public:
    explicit Hearing(Client& client);
    ~Hearing();
    Hearing(const Hearing&) = delete;
    Hearing& operator=(const Hearing&) = delete;

    void open(void* context, const Keys& keys, const std::string& address);
    void close();
    void* socket() const { return socket_; }
    bool chosen() const { return !chosen_.empty(); }
    // Counts new stream ids, new time lines, other streams and other rates.
    std::uint32_t run() const { return run_; }

    // Take this stream from now on, if that is a name at all.
    void choose(const std::string& name);

    // Take what has come, and return whether the server was restarted.
    bool take(std::int64_t now_ns, bool same_clock);

private:
    bool accept(const std::uint8_t* bytes, std::size_t size, std::int64_t now_ns, bool same_clock);

    Client& client_;
    void* socket_ = nullptr;
    zmq_msg_t message_;
    std::vector<float> stereo_;
    std::string chosen_;
    bool more_ = false, has_run_ = false;
    std::uint8_t stream_id_[16] = {};
    std::uint64_t sequence_ = 0, next_position_ = 0;
    std::uint32_t rate_hz_ = 0, run_ = 0;
};

}  // namespace legando
