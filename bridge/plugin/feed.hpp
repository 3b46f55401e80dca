// Feed: what came from the network, as one endless row of frames; what is missing fades out and in. [audio]
//
// Owned by the audio thread; the network's thread writes the two rings. `cursor` is the place on the stream's time line
// of the next frame. Missing frames cost their length in silence and never move anything else. A break ends in the last
// frames played backwards under a fade, so that no step is heard, and starts again under a fade.
#pragma once

#include <array>
#include <cstdint>

#include "ring.hpp"

namespace legando {

constexpr std::size_t kFadeFrames = 240;  // 5 ms at 48 kHz
constexpr std::size_t kMaxWaiting = 1024;

// One message's audio, whose frames lie in the ring of samples in the same order.
struct Block {
    std::int64_t arrival_ns;
    std::int64_t position;
    std::uint32_t frames;
    std::uint32_t run;  // counts new stream ids, new time lines, other streams and other rates
    std::uint32_t sample_rate_hz;
};

class Feed {
public:
    Feed(Ring<float>& samples, Ring<Block>& blocks) noexcept : samples_(samples), blocks_(blocks) {}

    // Take the heads of what has come; `see` is told of each.
    template <class See>
    void take(See&& see) noexcept
    {
        Block block;
        while (count_ < kMaxWaiting && blocks_.pop(block)) {
            waiting_[(first_ + count_++) % kMaxWaiting] = block;
            see(block);
        }
    }

    std::size_t waiting() const noexcept { return count_; }
    const Block& block(std::size_t n) const noexcept { return waiting_[(first_ + n) % kMaxWaiting]; }

    // Go on at this place of a run from now on; what was heard fades out over it.
    void jump(std::uint32_t run, std::int64_t cursor) noexcept
    {
        fade_out();
        run_ = run;
        cursor_ = cursor;
        open_ = true;
        dry_ = true;
        counted_ = true;
        missing_ = 0;
    }

    // Forget everything; only while nobody writes to the rings.
    void clear() noexcept
    {
        count_ = used_ = 0;
        open_ = false;
        dry_ = counted_ = true;
        past_.fill(0);
        fade_in_ = tail_at_ = kFadeFrames;
    }

    // Nothing more is known: silence.
    void close() noexcept
    {
        if (open_)
            fade_out();
        open_ = false;
        dry_ = counted_ = true;
    }

    bool open() const noexcept { return open_; }
    std::uint32_t run() const noexcept { return run_; }
    std::int64_t cursor() const noexcept { return cursor_; }
    // How many frames were missing in a row until now.
    std::int64_t missing() const noexcept { return missing_; }

    // Throw away the oldest block.
    void drop() noexcept
    {
        samples_.skip((block(0).frames - used_) * 2);
        first_ = (first_ + 1) % kMaxWaiting;
        --count_;
        used_ = 0;
    }

    // Write the next frames, stereo, interleaved.
    void read(float* to, std::size_t frames) noexcept
    {
        while (frames) {
            const std::size_t done = open_ ? piece(to, frames) : silence(to, frames);
            remember(to, done);
            to += 2 * done;
            frames -= done;
        }
    }

    std::uint64_t underruns = 0;    // times that frames were not there when they were due
    std::uint64_t lost_frames = 0;  // frames that were never there, or too late

private:
    std::size_t piece(float* to, std::size_t frames) noexcept
    {
        while (count_ && block(0).run == run_) {
            const Block& head = block(0);
            const std::int64_t start = head.position + used_;
            if (start >= cursor_)
                break;
            const std::int64_t late = std::min<std::int64_t>(cursor_ - start, head.frames - used_);
            samples_.skip(static_cast<std::size_t>(late) * 2);
            used_ += static_cast<std::uint32_t>(late);
            if (used_ < head.frames)
                break;
            drop();
        }
        const bool here = count_ && block(0).run == run_;
        const std::int64_t gap = here ? block(0).position + used_ - cursor_ : static_cast<std::int64_t>(frames);
        if (gap > 0) {
            const std::size_t size = static_cast<std::size_t>(std::min<std::int64_t>(gap, static_cast<std::int64_t>(frames)));
            if (!dry_)
                fade_out();
            if (!counted_ && !here && !(count_ && block(0).run != run_))
                ++underruns;
            counted_ = dry_ = true;
            silence(to, size);
            cursor_ += static_cast<std::int64_t>(size);
            missing_ += static_cast<std::int64_t>(size);
            lost_frames += size;
            return size;
        }
        const std::size_t size = std::min<std::size_t>(frames, block(0).frames - used_);
        samples_.read(to, size * 2);
        used_ += static_cast<std::uint32_t>(size);
        cursor_ += static_cast<std::int64_t>(size);
        if (used_ == block(0).frames)
            drop();
        if (dry_)
            fade_in_ = 0;
        dry_ = counted_ = false;
        missing_ = 0;
        for (std::size_t n = 0; n < size && fade_in_ < kFadeFrames; ++n, ++fade_in_) {
            const float gain = static_cast<float>(fade_in_) / kFadeFrames;
            to[2 * n] *= gain;
            to[2 * n + 1] *= gain;
        }
        add_tail(to, size);
        return size;
    }

    std::size_t silence(float* to, std::size_t frames) noexcept
    {
        std::memset(to, 0, frames * 2 * sizeof(float));
        add_tail(to, frames);
        return frames;
    }

    // Start the end of what was heard: its last frames, backwards.
    void fade_out() noexcept
    {
        for (std::size_t n = 0; n < kFadeFrames; ++n)
            for (std::size_t side = 0; side < 2; ++side)
                tail_[2 * n + side] = past_[2 * ((past_at_ + kFadeFrames - 1 - n) % kFadeFrames) + side];
        tail_at_ = 0;
    }

    void add_tail(float* to, std::size_t frames) noexcept
    {
        for (std::size_t n = 0; n < frames && tail_at_ < kFadeFrames; ++n, ++tail_at_) {
            const float gain = 1.0f - static_cast<float>(tail_at_ + 1) / kFadeFrames;
            to[2 * n] += gain * tail_[2 * tail_at_];
            to[2 * n + 1] += gain * tail_[2 * tail_at_ + 1];
        }
    }

    void remember(const float* from, std::size_t frames) noexcept
    {
        for (std::size_t n = frames > kFadeFrames ? frames - kFadeFrames : 0; n < frames; ++n) {
            past_[2 * past_at_] = from[2 * n];
            past_[2 * past_at_ + 1] = from[2 * n + 1];
            past_at_ = (past_at_ + 1) % kFadeFrames;
        }
    }

    Ring<float>& samples_;
    Ring<Block>& blocks_;
    std::array<Block, kMaxWaiting> waiting_{};
    std::size_t first_ = 0, count_ = 0;
    std::uint32_t used_ = 0;  // frames of the oldest block that are gone already
    std::uint32_t run_ = 0;
    std::int64_t cursor_ = 0, missing_ = 0;
    bool open_ = false, dry_ = true, counted_ = true;
    std::array<float, 2 * kFadeFrames> past_{}, tail_{};
    std::size_t past_at_ = 0, fade_in_ = kFadeFrames, tail_at_ = kFadeFrames;
};

}  // namespace legando
