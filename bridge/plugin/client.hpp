// Client: the thread that owns the sockets. [control]
//
// It is started in activate() and joined in deactivate(). Between it and the audio thread lie rings and single atomic
// numbers: sound comes in through `samples` and `blocks`, notes and transport go out through `sayings`, parameters are
// read where the host has left them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "client_config.hpp"
#include "controlwire.hpp"
#include "feed.hpp"
#include "parameters.hpp"
#include "ring.hpp"
#include "song.hpp"
#include "system.hpp"

namespace legando {

class Client {
public:
    Client();
    ~Client();

    void start();
    void stop();
    // Where to connect to; holds at once, also while it runs.
    void configure(const Config& config);
    Config project() const;

    Ring<float> samples;
    Ring<Block> blocks;
    Ring<Saying> sayings;

    std::atomic<float> parameters[kParameterCount];
    std::atomic<std::uint32_t> presses[kParameterCount]{};  // of the buttons

    std::atomic<bool> connected{false};
    // Messages that were not what they should be; too old; without room; and what the server has refused of us.
    std::atomic<std::uint32_t> refused{0}, stale{0}, dropped{0}, errors{0};
    std::atomic<float> tempo_now{0}, peak_db{-120};
    std::atomic<std::uint32_t> scene_now{0};

private:
    struct Io;
    void run();

    mutable std::mutex lock_;  // of `config_`, between threads that may wait
    Config config_;
    std::atomic<std::uint32_t> version_{0};
    std::atomic<bool> quit_{false};
    std::thread thread_;
};

}  // namespace legando
