// Song: where the host's song is, said of a frame of the stream, when there is something new to say. [audio]
//
// The server is told at which sixteenth a frame of its own stream sounds, so that no buffer between the two matters.
// A host that compensates for latency hears this plug-in's output that much earlier than it is made; what is made now
// belongs to the place in the song that is so far back.
#pragma once

#include <cmath>
#include <cstdint>

#include "controlwire.hpp"
#include "player.hpp"

namespace legando {

// What the audio thread wants said: a note or controller at a moment, or where the host's song is.
struct Saying {
    Kind kind;
    std::int64_t time_ns;
    std::uint8_t size, data[3];
    double tempo_bpm, tick;
    std::uint64_t frame_position;
    std::uint32_t flags, run;
};

struct HostSong {
    bool known, playing;
    double tempo_bpm, tick;  // sixteenths since the song's start
};

class Song {
public:
    // Say nothing that was said before the connection was made.
    void clear() noexcept { said_ns_ = kNever, leads_ = false; }

    // Return whether there is something to say, and what.
    bool next(const HostSong& song, const Place& place, double latency_s, std::int64_t now_ns, Saying& saying) noexcept
    {
        saying = {};
        saying.kind = kTransport;
        if (!song.known || song.tempo_bpm < 40.0 || song.tempo_bpm > 240.0) {
            saying.tempo_bpm = 120.0;
            saying.frame_position = kNowhere;
            saying.flags = kRelease;
            const bool was = leads_;
            leads_ = false;
            said_ns_ = kNever;
            return was;
        }
        if (!place.known)
            return false;
        const double per_frame = song.tempo_bpm / 15.0 / place.sample_rate_hz;  // sixteenths
        const double frame = std::max(0.0, std::round(place.frame));
        const double tick = song.tick - latency_s * song.tempo_bpm / 15.0 + (frame - place.frame) * per_frame;
        const double start = tick - frame * per_frame;
        const bool moved = song.playing && std::fabs(start - start_) > kMoved;
        const bool is_new = said_ns_ == kNever || moved || song.playing != playing_ || std::fabs(song.tempo_bpm - tempo_bpm_) > 1e-6 || place.run != run_;
        if (now_ns - said_ns_ < (is_new ? kLeastNs : kEveryNs) && said_ns_ != kNever)
            return false;
        said_ns_ = now_ns;
        leads_ = true;
        start_ = start;
        playing_ = song.playing;
        tempo_bpm_ = song.tempo_bpm;
        run_ = place.run;
        saying.tempo_bpm = song.tempo_bpm;
        saying.tick = tick;
        saying.frame_position = static_cast<std::uint64_t>(frame);
        saying.flags = song.playing ? std::uint32_t{kPlaying} : 0;
        saying.run = place.run;
        return true;
    }

private:
    static constexpr std::int64_t kNever = -1, kLeastNs = 10'000'000, kEveryNs = 400'000'000;
    static constexpr double kMoved = 0.02;  // sixteenths: 2.5 ms at 120 beats a minute

    std::int64_t said_ns_ = kNever;
    bool leads_ = false, playing_ = false;
    double start_ = 0, tempo_bpm_ = 0;
    std::uint32_t run_ = 0;
};

}  // namespace legando
