// Resampler: the feed read at any pace, by libsamplerate; or frame by frame, bit for bit. [audio]
//
// The window holds what was read lately, so that both ways read the same frames and one can fade into the other. The
// place of the next frame is kept here, in frames since the beginning: libsamplerate's first output frame lies on its
// first input frame, and each next one `step` further. src_process() and src_set_ratio() neither allocate nor lock.
#pragma once

#include <samplerate.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <vector>

#include "feed.hpp"

namespace legando {

class Window {
public:
    static constexpr std::int64_t kPast = 2048, kRoom = 16384;

    Window() : frames_(2 * kRoom) {}

    std::int64_t end() const noexcept { return end_; }
    const float* at(std::int64_t place) const noexcept { return frames_.data() + 2 * (place - start_); }

    // Read on until this place is known; at most kRoom - kPast further than now.
    void reach(Feed& feed, std::int64_t until) noexcept
    {
        if (until <= end_)
            return;
        if (until - start_ > kRoom) {
            std::memmove(frames_.data(), at(end_ - kPast), static_cast<std::size_t>(2 * kPast) * sizeof(float));
            start_ = end_ - kPast;
        }
        feed.read(frames_.data() + 2 * (end_ - start_), static_cast<std::size_t>(until - end_));
        end_ = until;
    }

private:
    std::vector<float> frames_;
    std::int64_t start_ = -kPast, end_ = 0;
};

class Resampler {
public:
    static constexpr std::size_t kPiece = 256;
    static constexpr double kMostStep = 16.0;

    Resampler() : state_(src_new(SRC_SINC_MEDIUM_QUALITY, 2, nullptr)) { warm_up(); }
    ~Resampler() { src_delete(state_); }
    Resampler(const Resampler&) = delete;
    Resampler& operator=(const Resampler&) = delete;

    bool direct() const noexcept { return mix_ == 0 && goal_ == 0; }
    double step() const noexcept { return step_; }
    // How many frames were read, but have not sounded yet.
    double ahead() const noexcept { return static_cast<double>(window_.end()) - place_; }

    // Change the pace from the next frame on.
    void set_step(double step) noexcept { step_ = std::min(step, kMostStep); }

    // Frame by frame from now on, or resampled, without a fade: for silence.
    void begin(bool direct) noexcept
    {
        mix_ = goal_ = direct ? 0 : kFade;
        place_ = static_cast<double>(window_.end());
        start_resampling(window_.end());
    }

    // From frame by frame to resampled, under a fade.
    void engage() noexcept
    {
        const std::int64_t here = std::llround(place_);
        place_ = static_cast<double>(here);
        direct_ = here;
        constexpr std::int64_t before = 256;  // fills the filter with what was heard
        step_ = 1.0;
        start_resampling(here - before);
        goal_ = kFade;
        skip_ = before;
    }

    // And back; the place must be a whole frame.
    void leave() noexcept
    {
        direct_ = std::llround(place_);
        step_ = 1.0;
        goal_ = 0;
    }

    // Write the next frames, interleaved; at most kPiece.
    void read(Feed& feed, float* to, std::size_t frames) noexcept
    {
        if (direct()) {
            const std::int64_t here = std::llround(place_);
            window_.reach(feed, here + static_cast<std::int64_t>(frames));
            std::memcpy(to, window_.at(here), frames * 2 * sizeof(float));
            place_ = static_cast<double>(here + static_cast<std::int64_t>(frames));
            return;
        }
        while (skip_) {
            const std::size_t size = std::min(skip_, kPiece);
            resample(feed, to, size);
            skip_ -= size;
        }
        resample(feed, to, frames);
        place_ += static_cast<double>(frames) * step_;
        if (mix_ == goal_)
            return;
        window_.reach(feed, direct_ + static_cast<std::int64_t>(frames));
        const float* straight = window_.at(direct_);
        for (std::size_t n = 0; n < frames; ++n) {
            mix_ += mix_ < goal_ ? 1 : mix_ > goal_ ? -1 : 0;
            const float gain = static_cast<float>(mix_) / kFade;
            for (std::size_t side = 0; side < 2; ++side)
                to[2 * n + side] = straight[2 * n + side] + gain * (to[2 * n + side] - straight[2 * n + side]);
        }
        direct_ += static_cast<std::int64_t>(frames);
        if (direct())
            place_ = static_cast<double>(direct_);
    }

private:
    static constexpr int kFade = static_cast<int>(kFadeFrames);  // steps from frame by frame (0) to resampled

    // Run over silence once: the first block of sound would wait until the code and its table are read from the disk.
    void warm_up() noexcept
    {
        const std::array<float, 2 * kPiece> silence{};
        std::array<float, 4 * kPiece> out;
        for (const double ratio : {48000.0 / 44100.0, 44100.0 / 48000.0}) {
            SRC_DATA data{};
            data.data_in = silence.data();
            data.input_frames = static_cast<long>(kPiece);
            data.data_out = out.data();
            data.output_frames = static_cast<long>(2 * kPiece);
            data.src_ratio = ratio;
            src_process(state_, &data);
        }
        src_reset(state_);
    }

    void start_resampling(std::int64_t from) noexcept
    {
        src_reset(state_);
        fed_ = from;
        skip_ = 0;
    }

    void resample(Feed& feed, float* to, std::size_t frames) noexcept
    {
        src_set_ratio(state_, 1.0 / step_);
        window_.reach(feed, std::llround(place_ + static_cast<double>(frames) * step_));
        for (int turns = 0; frames && turns < 10'000; ++turns) {
            SRC_DATA data{};
            data.data_in = window_.at(fed_);
            data.input_frames = static_cast<long>(window_.end() - fed_);
            data.data_out = to;
            data.output_frames = static_cast<long>(frames);
            data.src_ratio = 1.0 / step_;
            if (src_process(state_, &data) != 0)
                break;
            fed_ += data.input_frames_used;
            to += 2 * data.output_frames_gen;
            frames -= static_cast<std::size_t>(data.output_frames_gen);
            if (frames && fed_ == window_.end())
                window_.reach(feed, window_.end() + 16);
        }
        std::memset(to, 0, frames * 2 * sizeof(float));
    }

    SRC_STATE* state_;
    Window window_;
    double place_ = 0, step_ = 1;
    std::int64_t fed_ = 0, direct_ = 0;
    std::size_t skip_ = 0;
    int mix_ = 0, goal_ = 0;
};

}  // namespace legando
