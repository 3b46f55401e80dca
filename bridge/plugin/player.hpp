// Player: which frame of the stream sounds at which frame of the host, and how that follows two clocks. [audio]
//
// Owned by the audio thread. No clock of its own, so that a simulated day is tested in seconds: the caller says when a
// call was made, the network's thread when a block came. Both moments can be late, never early; so of each window the
// earliest counts alone, and a busy machine does not look like a drifting clock.
//
// A block's first frame sounds `target` after it came. On one clock that holds for ever, and the samples pass bit for
// bit. When the clocks have crept apart by a quarter of the target, the resampler takes over. When either side has
// stopped for a while, the player goes on where it should be, under a cross-fade.
#pragma once

#include "drift.hpp"
#include "feed.hpp"
#include "resampler.hpp"

namespace legando {

// Where the next frame lies that is played.
struct Place {
    bool known;
    double frame;  // on the stream's time line
    double step;   // frames of the stream for each frame of the host
    std::uint32_t run, sample_rate_hz;
};

class Player {
public:
    Player(Ring<float>& samples, Ring<Block>& blocks) : feed_(samples, blocks) {}

    void prepare(double host_rate_hz) noexcept
    {
        host_rate_ = host_rate_hz;
        played_ = 0;
        origin_ns_ = last_ns_ = 0;
        phase_.clear();
        least_spare_.clear();
        feed_.clear();
    }

    // How long after it came a block's first frame sounds; what is heard moves there under a fade.
    void set_target(double target_ns) noexcept
    {
        if (target_ns == target_ns_)
            return;
        if (feed_.open()) {
            jump((target_ns_ - target_ns) * 1e-9 * rate_);
            expect(ns(last_ns_));  // what was measured until now waited for another time
        }
        target_ns_ = target_ns;
    }

    Place place() const noexcept
    {
        const double frame = static_cast<double>(feed_.cursor()) - resampler_.ahead();
        return {feed_.open(), frame, resampler_.step(), feed_.run(), static_cast<std::uint32_t>(rate_)};
    }

    // When the host's next frame is due: the moment of the call, without its delays.
    std::int64_t next_frame_ns() const noexcept { return origin_ns_ + std::llround(due_ns(static_cast<double>(played_))); }

    // Note a call for so many frames, and take what has come; `now_ns` is when. Once before each `pull`.
    void begin(std::size_t frames, std::int64_t now_ns) noexcept
    {
        follow_host(frames, now_ns);
        feed_.take([this](const Block& block) { see(block); });
        if (feed_.open() && ((feed_.waiting() && feed_.block(0).run != feed_.run()) || static_cast<double>(feed_.missing()) > kGoneS * rate_))
            feed_.close();
        if (!feed_.open())
            seek(ns(now_ns));
        else
            measure(frames, ns(now_ns));
    }

    // Fill both sides.
    void pull(float* left, float* right, std::size_t frames) noexcept
    {
        while (frames) {
            const std::size_t size = std::min(frames, Resampler::kPiece);
            resampler_.read(feed_, piece_.data(), size);
            for (std::size_t n = 0; n < size; ++n) {
                left[n] = piece_[2 * n];
                right[n] = piece_[2 * n + 1];
            }
            left += size, right += size, frames -= size;
            played_ += static_cast<std::int64_t>(size);
        }
    }

    const Feed& feed() const noexcept { return feed_; }
    // Whether the samples pass bit for bit.
    bool direct() const noexcept { return resampler_.direct(); }
    double drift_ppm() const noexcept { return following_ ? loop_.drift() * 1e6 : 0.0; }
    // How much of a buffer the last seconds would have needed.
    double needed_ns() const noexcept { return feed_.open() ? std::max(0.0, target_ns_ - least_spare_.value()) : 0.0; }

    // How long blocks wait before they sound, but for what delays them.
    double waits_ns() const noexcept { return last_best_; }

    std::uint64_t jumps = 0;  // times that the place was moved, because one side had stopped

private:
    static constexpr double kListenNs = 150e6;  // of a new run, before it is known when its blocks are due
    static constexpr double kPauseNs = 250e6;   // a host that was silent for longer has slept
    static constexpr double kGoneS = 0.2;       // a stream that was missing for longer is looked for anew
    static constexpr double kWindowNs = 1e9;
    static constexpr int kWindowBlocks = 4;
    static constexpr double kSteepest = 1.2 * kMaxDrift;
    static constexpr double kLateNs = 5e6;  // more than what the host was told, after one side has stopped

    double ns(std::int64_t time_ns) const noexcept { return static_cast<double>(time_ns - origin_ns_); }
    double due_ns(double host_frame) const noexcept { return phase_.value() + host_frame * 1e9 / host_rate_; }

    // How many frames of the stream sound before the one at this position.
    double until(std::int64_t position) const noexcept { return static_cast<double>(position - feed_.cursor()) + resampler_.ahead(); }

    void follow_host(std::size_t frames, std::int64_t now_ns) noexcept
    {
        if (!origin_ns_)
            origin_ns_ = now_ns;
        if (last_ns_ && static_cast<double>(now_ns - last_ns_) > kPauseNs + static_cast<double>(frames) * 1e9 / host_rate_)
            wake();
        last_ns_ = now_ns;
        phase_.see(ns(now_ns) - static_cast<double>(played_) * 1e9 / host_rate_, ns(now_ns));
    }

    // The host has slept: what waits is old.
    void wake() noexcept
    {
        phase_.clear();
        do {
            feed_.take([](const Block&) {});
            while (feed_.waiting())
                feed_.drop();
            feed_.take([](const Block&) {});
        } while (feed_.waiting());
        feed_.close();
    }

    // Find where a new stream is to be heard, once it is known when its blocks come.
    void seek(double now) noexcept
    {
        while (feed_.waiting() && feed_.block(0).run != feed_.block(feed_.waiting() - 1).run)
            feed_.drop();
        while (feed_.waiting() && now - ns(feed_.block(0).arrival_ns) > 2 * kListenNs + target_ns_ + 1e9 * feed_.block(0).frames / feed_.block(0).sample_rate_hz)
            feed_.drop();
        if (!feed_.waiting() || now - ns(feed_.block(0).arrival_ns) < kListenNs)
            return;
        const Block first = feed_.block(0);
        rate_ = first.sample_rate_hz;
        double earliest = 1e300;
        for (std::size_t n = 0; n < feed_.waiting(); ++n)
            earliest = std::min(earliest, ns(feed_.block(n).arrival_ns) - static_cast<double>(feed_.block(n).position - first.position) * 1e9 / rate_);
        following_ = rate_ != host_rate_;
        resampler_.set_step(rate_ / host_rate_);
        resampler_.begin(!following_);
        loop_.start(0);
        const double early_ns = earliest + target_ns_ - due_ns(static_cast<double>(played_));
        feed_.jump(first.run, first.position - std::llround(early_ns * 1e-9 * rate_));
        expect(now);
    }

    // Measure anew from now on.
    void expect(double now) noexcept
    {
        expected_ = false;
        open_window(now);
        least_spare_.clear();
    }

    void open_window(double now) noexcept
    {
        window_ns_ = now;
        window_blocks_ = 0;
        best_ = -1e300;
        underruns_ = feed_.underruns;
    }

    // How long a block waits between its coming and its first frame's sounding; the most counts, the rest was late.
    void see(const Block& block) noexcept
    {
        if (!feed_.open() || block.run != feed_.run())
            return;
        const double frames = until(block.position) / resampler_.step();
        best_ = std::max(best_, due_ns(static_cast<double>(played_) + frames) - ns(block.arrival_ns));
        ++window_blocks_;
    }

    void measure(std::size_t frames, double now) noexcept
    {
        if (feed_.waiting()) {
            const Block& last = feed_.block(feed_.waiting() - 1);
            const double spare = until(last.position + last.frames) / resampler_.step() - static_cast<double>(frames);
            least_spare_.see(spare * 1e9 / host_rate_, now);
        } else
            least_spare_.see(-static_cast<double>(frames) * 1e9 / host_rate_, now);
        land();
        if (now - window_ns_ < kWindowNs || window_blocks_ < kWindowBlocks)
            return;
        judge(now, (now - window_ns_) * 1e-9);
        open_window(now);
    }

    // Compare a window with what is expected, and follow what drifts.
    void judge(double now, double seconds) noexcept
    {
        const double off = best_ - target_ns_;
        const bool ran_dry = feed_.underruns != underruns_;
        if (off > std::max(target_ns_, 30e6) || (ran_dry && off < -0.5 * target_ns_)) {
            ++jumps;
            jump(off * 1e-9 * rate_);
            expect(now);
            return;
        }
        const bool steps = !expected_ || std::fabs(best_ - last_best_) > kSteepest * seconds * 1e9;
        const bool stepped = steps_;
        last_best_ = best_;
        expected_ = true;
        steps_ = steps;
        if (following_) {
            resampler_.set_step(rate_ / host_rate_ * (1.0 + loop_.update(off * 1e-9, seconds)));
            consider_leaving(off, seconds);
        } else if (steps) {
            usual_ = best_;  // no clock drifts so fast: one side was late, and stays so
            usual_since_ = now;
        } else if (stepped && off > std::min(kLateNs, 0.25 * target_ns_)) {
            ++jumps;  // the host has lost time, or the beginning was late: as soon again as the host was told
            jump(off * 1e-9 * rate_);
            expect(now);
        } else if (std::fabs(best_ - usual_) > 0.25 * target_ns_) {
            following_ = true;
            calm_s_ = 0;
            loop_.start((best_ - usual_) / (now - usual_since_));
            resampler_.engage();
        }
    }

    // Two clocks that have not moved for long are one: the next whole frame ends the resampling.
    void consider_leaving(double off, double seconds) noexcept
    {
        const bool calm = rate_ == host_rate_ && std::fabs(loop_.drift()) < 2e-6 && std::fabs(off) < 0.05 * target_ns_;
        calm_s_ = calm ? calm_s_ + seconds : 0;
        if (calm_s_ > 60.0)
            resampler_.set_step(1.0 + 20e-6);
    }

    void land() noexcept
    {
        const double ahead = resampler_.ahead();
        if (!following_ || calm_s_ <= 60.0 || std::fabs(ahead - std::round(ahead)) > 0.02)
            return;
        following_ = false;
        resampler_.leave();
        expect(ns(last_ns_));
    }

    void jump(double frames) noexcept { feed_.jump(feed_.run(), feed_.cursor() + std::llround(frames)); }

    Feed feed_;
    Resampler resampler_;
    RatioLoop loop_;
    double host_rate_ = 48000, rate_ = 48000, target_ns_ = 40e6;
    std::int64_t played_ = 0, origin_ns_ = 0, last_ns_ = 0;
    EarliestOf phase_{1e9}, least_spare_{5e9};
    bool following_ = false, expected_ = false, steps_ = false;
    double window_ns_ = 0, best_ = 0, last_best_ = 0, usual_ = 0, usual_since_ = 0, calm_s_ = 0;
    int window_blocks_ = 0;
    std::uint64_t underruns_ = 0;
    std::array<float, 2 * Resampler::kPiece> piece_{};
};

}  // namespace legando
