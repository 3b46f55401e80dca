// Drift: from how early blocks come to how fast the stream must be read. No clock, no sound. [audio]
//
// `EarliestOf` keeps the smallest of what it was shown lately: delays on a network and of a scheduler only ever add, so
// the smallest is nearest to the truth (D. Mills, RFC 5905, section 10, the clock filter). `RatioLoop` is the critically
// damped second-order loop of `drift.py` (F. Adriaensen, "Controlling adaptive resampling", LAC 2012).
#pragma once

#include <algorithm>

namespace legando {

constexpr double kMaxDrift = 1000e-6;  // sound cards differ by a tenth of that

class EarliestOf {
public:
    explicit EarliestOf(double window_ns) noexcept : window_ns_(window_ns) {}

    void clear() noexcept { now_ = before_ = kNone, until_ = 0; }

    void see(double value, double time_ns) noexcept
    {
        if (time_ns >= until_) {
            before_ = now_;
            now_ = kNone;
            until_ = time_ns + window_ns_;
        }
        now_ = std::min(now_, value);
    }

    double value() const noexcept { return std::min(now_, before_); }

private:
    static constexpr double kNone = 1e300;
    double window_ns_, now_ = kNone, before_ = kNone, until_ = 0;
};

class RatioLoop {
public:
    // Begin with what is known of the drift, in parts of one.
    void start(double drift) noexcept { drift_ = limited(drift, kMaxDrift); }

    // Return by how much faster than nominal to read, when the stream waits `error_s` too long, after `seconds`.
    double update(double error_s, double seconds) noexcept
    {
        constexpr double natural = 2.0 * 3.14159265358979 / (4.0 * 20.0);  // rad/s; settles in 20 s
        drift_ = limited(drift_ + natural * natural * error_s * seconds, kMaxDrift);
        return limited(drift_ + 2.0 * natural * error_s, kMaxDrift);
    }

    double drift() const noexcept { return drift_; }

private:
    static double limited(double value, double most) noexcept { return std::min(std::max(value, -most), most); }

    double drift_ = 0;
};

}  // namespace legando
