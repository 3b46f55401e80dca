// Player: which frame of the stream sounds at which frame of the host, and how that follows two clocks. [audio]
//
// Owned by the audio thread. No clock of its own, so that a simulated day is tested in seconds: the caller says when a
// call was made, the network's thread when a block came. Both moments can only be late, never early; so of each window
// the earliest counts alone, and a busy machine does not look like a drifting clock.
//
// A block's first frame sounds `target` after it came. On one clock that holds for ever, and the samples pass bit for
// bit. When the two clocks have moved apart by a quarter of the target, the resampler takes over; when either side has
// stopped for a while, the player goes on where it should be, under a cross-fade.
#pragma once

#include <cmath>

#include "feed.hpp"

namespace legando {

struct Place {
    bool known;
    double frame;  // on the stream's time line, of the next frame that is played
    double step;   // frames of the stream for each frame of the host
    std::uint32_t run, sample_rate_hz;
};

class Player {
public:
    Player(Ring<float>& samples, Ring<Block>& blocks) noexcept : feed_(samples, blocks) {}

    void prepare(double host_rate_hz) noexcept
    {
        host_rate_ = host_rate_hz;
        played_ = 0;
        origin_ns_ = last_ns_ = 0;
        forget_host();
        feed_.close();
    }

    // How long after it came a block's first frame sounds.
    void set_target(double target_ns) noexcept
    {
        if (target_ns == target_ns_)
            return;
        if (feed_.open())
            jump((target_ns_ - target_ns) * 1e-9 * rate_);
        target_ns_ = target_ns;
    }

    // Where the next frame lies.
    Place place() const noexcept { return {feed_.open(), static_cast<double>(feed_.cursor()), rate_ / host_rate_, feed_.run(), static_cast<std::uint32_t>(rate_)}; }

    // Fill both sides; `now_ns` is when the host has called.
    void pull(float* left, float* right, std::size_t frames, std::int64_t now_ns) noexcept
    {
        follow_host(now_ns, frames);
        feed_.take([this](const Block& block) { see(block); });
        settle(now_ns);
        while (frames) {
            const std::size_t size = std::min<std::size_t>(frames, kPiece);
            feed_.read(piece_.data(), size);
            for (std::size_t n = 0; n < size; ++n) {
                left[n] = piece_[2 * n];
                right[n] = piece_[2 * n + 1];
            }
            left += size, right += size, frames -= size;
            played_ += static_cast<std::int64_t>(size);
        }
    }

    const Feed& feed() const noexcept { return feed_; }

private:
    static constexpr std::size_t kPiece = 256;
    static constexpr double kListenNs = 150e6;  // of a new run, before it is known when its blocks are due
    static constexpr double kPauseNs = 250e6;   // a host that was silent for longer has slept
    static constexpr double kWindowNs = 1e9;

    double ns(std::int64_t time_ns) const noexcept { return static_cast<double>(time_ns - origin_ns_); }

    // When the host's frame is due, as far as is known.
    double due_ns(double host_frame) const noexcept { return std::min(phase_, last_phase_) + host_frame * 1e9 / host_rate_; }

    void forget_host() noexcept
    {
        phase_ = last_phase_ = 1e300;
        phase_until_ = 0;
    }

    void follow_host(std::int64_t now_ns, std::size_t frames) noexcept
    {
        if (!origin_ns_)
            origin_ns_ = now_ns;
        if (last_ns_ && now_ns - last_ns_ > kPauseNs + static_cast<double>(frames) * 1e9 / host_rate_) {
            forget_host();
            feed_.take([](const Block&) {});
            while (feed_.waiting()) {
                feed_.drop();
                feed_.take([](const Block&) {});
            }
            feed_.close();
        }
        last_ns_ = now_ns;
        const double now = ns(now_ns);
        if (now >= phase_until_) {
            last_phase_ = phase_;
            phase_ = 1e300;
            phase_until_ = now + kWindowNs;
        }
        phase_ = std::min(phase_, now - static_cast<double>(played_) * 1e9 / host_rate_);
    }

    void see(const Block&) noexcept {}

    // Begin with a run, end with one that is over.
    void settle(std::int64_t now_ns) noexcept
    {
        if (feed_.open() && ((feed_.waiting() && feed_.block(0).run != feed_.run()) || static_cast<double>(feed_.missing()) > 0.2 * rate_))
            feed_.close();
        if (feed_.open())
            return;
        while (feed_.waiting() && feed_.block(0).run != feed_.block(feed_.waiting() - 1).run)
            feed_.drop();
        while (feed_.waiting() && ns(now_ns) - ns(feed_.block(0).arrival_ns) > 2 * kListenNs + target_ns_ + 1e9 * feed_.block(0).frames / feed_.block(0).sample_rate_hz)
            feed_.drop();
        if (!feed_.waiting() || ns(now_ns) - ns(feed_.block(0).arrival_ns) < kListenNs)
            return;
        const Block& first = feed_.block(0);
        rate_ = first.sample_rate_hz;
        double earliest = 1e300;
        for (std::size_t n = 0; n < feed_.waiting(); ++n)
            earliest = std::min(earliest, ns(feed_.block(n).arrival_ns) - static_cast<double>(feed_.block(n).position - first.position) * 1e9 / rate_);
        const double early_ns = earliest + target_ns_ - due_ns(static_cast<double>(played_));
        feed_.jump(first.run, first.position - static_cast<std::int64_t>(std::llround(early_ns * 1e-9 * rate_)));
    }

    void jump(double frames) noexcept { feed_.jump(feed_.run(), feed_.cursor() + static_cast<std::int64_t>(std::llround(frames))); }

    Feed feed_;
    double host_rate_ = 48000, rate_ = 48000, target_ns_ = 40e6;
    std::int64_t played_ = 0, origin_ns_ = 0, last_ns_ = 0;
    double phase_ = 1e300, last_phase_ = 1e300, phase_until_ = 0;
    std::array<float, 2 * kPiece> piece_{};
};

}  // namespace legando
