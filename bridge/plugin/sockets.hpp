// Sockets: the options that PROTOCOL.md asks of a client. [control]
#pragma once

#include <zmq.h>

#include <cstdint>
#include <string>

#include "client_config.hpp"

namespace legando {

constexpr int kTurnMessages = 256;  // of each socket, so that a flood on one does not silence the other
constexpr int kReconnectMs = 50;
constexpr int kCurveBytes = 33;  // libzmq counts the encryption of a message towards its greatest size

inline void set(void* socket, int option, int value) { zmq_setsockopt(socket, option, &value, sizeof value); }

// Set up a socket that is not connected yet, for this address.
inline void prepare(void* socket, const Keys& keys, const std::string& address, std::int64_t most_bytes)
{
    set(socket, ZMQ_LINGER, 0);
    const std::int64_t most_on_wire = most_bytes + (keys ? kCurveBytes : 0);
    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most_on_wire, sizeof most_on_wire);
    set(socket, ZMQ_RECONNECT_IVL, kReconnectMs);
    set(socket, ZMQ_IPV6, address.find('[') != std::string::npos);
    if (address.rfind("tcp", 0) == 0) {
        // Not ZeroMQ's heartbeats: where they run out while the queue is full (a host that was suspended), libzmq
        // 4.3.5 ends the process ("Assertion failed: _input_stopped").
        set(socket, ZMQ_TCP_KEEPALIVE, 1);
        set(socket, ZMQ_TCP_KEEPALIVE_IDLE, 1);
        set(socket, ZMQ_TCP_KEEPALIVE_INTVL, 1);
        set(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
    }
    if (keys) {
        zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys.server.c_str(), 41);
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.publics.c_str(), 41);
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret.c_str(), 41);
    }
}

}  // namespace legando
