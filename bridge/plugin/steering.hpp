// Steering: the control socket; what the host has done goes to the server, and what happens there comes back. [control]
#pragma once

#include <zmq.h>

#include <cstdint>
#include <string>
#include <vector>

#include "client_config.hpp"
#include "controlwire.hpp"
#include "moves.hpp"
#include "song.hpp"

namespace legando {

class Client;

class Steering {
public:
    explicit Steering(Client& client);
    ~Steering();
    Steering(const Steering&) = delete;
    Steering& operator=(const Steering&) = delete;

    void open(void* context, const Keys& keys, const std::string& address);
    void close();
    void* socket() const { return socket_; }
    // What the server offers; empty until it has said so.
    const std::vector<std::string>& streams() const { return streams_; }
    bool greeted() const { return greeted_; }
    bool same_clock() const { return same_clock_; }

    // The server is not there any more, or does not know us: greet it again.
    void lose();
    void listen(std::int64_t now_ns);
    // Say what is new. `run` is the stream's that is heard now: a place in another is not said any more.
    void speak(std::int64_t now_ns, std::uint32_t run);

private:
    void take(const FromServer& came, std::int64_t now_ns);
    void greet(std::int64_t now_ns);
    void pass_on(const Saying& saying, std::uint32_t run);
    bool set_control(const char* name, double value);
    // `now_ns` is what an offset in the body counts from.
    bool say(Kind kind, const void* body, std::size_t size, std::int64_t now_ns);

    Client& client_;
    void* socket_ = nullptr;
    zmq_msg_t message_;
    std::vector<std::string> streams_;
    bool greeted_ = false, same_clock_ = false;
    std::uint8_t clock_id_[16];
    std::uint32_t number_ = 0;
    std::int64_t hello_ns_ = 0, heard_ns_ = 0, ping_ns_ = 0, set_ns_ = 0, hush_until_ns_ = 0;
    Moves moves_;
};

}  // namespace legando
