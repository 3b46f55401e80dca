// Moves: which controls the host has moved, and what is to be said of them. [control]
//
// A parameter that the host has never moved is never sent, so that a plug-in in a new project leaves the scene as it is.
// One that was moved is sent again to a server that has come back.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>

#include "parameters.hpp"

namespace legando {

class Moves {
public:
    // `presses` is how often each button was pressed before.
    explicit Moves(const std::atomic<std::uint32_t> (&presses)[kParameterCount])
    {
        for (std::uint32_t n = 0; n < kParameterCount; ++n) {
            said_[n] = kParameters[n].normal;
            pressed_[n] = presses[n];
        }
    }

    // Say all again that was ever moved.
    void repeat()
    {
        for (bool& again : again_)
            again = true;
    }

    // Tell `set(control, value)` of all that is new, and return whether there was anything. What it refuses with false
    // is told again the next time.
    template <class Set>
    bool tell(const std::atomic<float> (&values)[kParameterCount], const std::atomic<std::uint32_t> (&presses)[kParameterCount],
        Set&& set)
    {
        bool any = false;
        for (std::uint32_t n = 0; n < kParameterCount; ++n) {
            const ParameterInfo& info = kParameters[n];
            if (info.sort == Sort::trigger) {
                for (; pressed_[n] != presses[n] && set(info.control, 1.0); ++pressed_[n])
                    any = true;
                continue;
            }
            if (!info.control[0] && info.sort != Sort::scene)
                continue;
            const float value = values[n];
            const bool moved = std::fabs(value - said_[n]) > 1e-5f * (info.most - info.least);
            touched_[n] = touched_[n] || moved;
            if (!moved && !(again_[n] && touched_[n]))
                continue;
            if (info.sort == Sort::scene) {
                char name[16];
                std::snprintf(name, sizeof name, "scene.%d", static_cast<int>(std::lround(value)));
                if (value >= 0.5f && !set(name, 1.0))
                    continue;
            } else if (!set(info.control, static_cast<double>(value)))
                continue;
            said_[n] = value;
            again_[n] = false;
            any = true;
        }
        return any;
    }

private:
    float said_[kParameterCount];
    bool touched_[kParameterCount] = {}, again_[kParameterCount] = {};
    std::uint32_t pressed_[kParameterCount];
};

}  // namespace legando
