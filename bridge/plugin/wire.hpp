// The audio format, version 2 (PROTOCOL.md, "Audio"): from the bytes of a message to a header and samples. [any]
//
// Pure: no socket, no clock, no memory of its own. Nothing is read before its place is known to lie in the message, and
// no field is believed before it is compared with the length.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace legando {

constexpr std::size_t kAudioHeaderBytes = 104;
constexpr std::size_t kMaxSamplesBytes = 1u << 20;
constexpr std::size_t kMaxAudioBytes = kAudioHeaderBytes + kMaxSamplesBytes;
constexpr std::size_t kStreamNameBytes = 32;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the wire is little-endian, and so is every machine that a DAW runs on"
#endif

// A number at a place that the caller has checked.
template <class T>
inline T load(const std::uint8_t* at) noexcept
{
    T value;
    std::memcpy(&value, at, sizeof(T));
    return value;
}

enum class SampleFormat : std::uint8_t { float32 = 1, int16 = 2 };

enum class Refusal : std::uint8_t { none, length, mark, version, kind, format, layout, name, frames, not_finite };

struct AudioHeader {
    char stream[kStreamNameBytes];
    std::uint8_t stream_id[16];
    std::uint64_t sequence, frame_position, timestamp_ns;
    std::uint32_t sample_rate_hz, frames;
    SampleFormat format;
    std::uint8_t channels;
};

// Say whether 32 bytes hold a stream's name: 1 to 31 of `A-Z a-z 0-9 _ . -`, then zero bytes alone.
inline bool is_stream_field(const std::uint8_t* field) noexcept
{
    std::size_t size = 0;
    for (; size < kStreamNameBytes && field[size]; ++size) {
        const std::uint8_t c = field[size];
        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'))
            return false;
    }
    if (size == 0 || size == kStreamNameBytes)
        return false;
    for (; size < kStreamNameBytes; ++size)
        if (field[size])
            return false;
    return true;
}

// Check a message against the whole table, but for its samples.
inline Refusal parse_audio(const std::uint8_t* message, std::size_t size, AudioHeader& header) noexcept
{
    if (size <= kAudioHeaderBytes || size > kMaxAudioBytes)
        return Refusal::length;
    if (std::memcmp(message + 32, "LGND", 4) != 0)
        return Refusal::mark;
    if (message[36] != 2)
        return Refusal::version;
    if (message[37] != 1)
        return Refusal::kind;
    if (message[38] != 1 && message[38] != 2)
        return Refusal::format;
    header.format = static_cast<SampleFormat>(message[38]);
    header.channels = message[39];
    header.sample_rate_hz = load<std::uint32_t>(message + 40);
    if (header.channels < 1 || header.channels > 32 || header.sample_rate_hz < 8000 || header.sample_rate_hz > 384000)
        return Refusal::layout;
    if (!is_stream_field(message))
        return Refusal::name;
    std::memcpy(header.stream, message, kStreamNameBytes);
    std::memcpy(header.stream_id, message + 48, 16);
    header.sequence = load<std::uint64_t>(message + 64);
    header.frame_position = load<std::uint64_t>(message + 72);
    header.timestamp_ns = load<std::uint64_t>(message + 80);
    header.frames = load<std::uint32_t>(message + 96);
    const std::uint64_t frame_bytes = header.channels * (header.format == SampleFormat::float32 ? 4u : 2u);
    if (header.frames < 1 || header.frames * frame_bytes != size - kAudioHeaderBytes)
        return Refusal::frames;
    return Refusal::none;
}

// Write a parsed message's samples as interleaved stereo: mono on both sides, of more channels the first two.
// `stereo` has room for `header.frames * 2`. Refuses samples that are not finite, on any channel.
inline Refusal read_samples(const std::uint8_t* message, const AudioHeader& header, float* stereo) noexcept
{
    const std::uint8_t* at = message + kAudioHeaderBytes;
    const std::size_t channels = header.channels, right = channels > 1 ? 1 : 0;
    if (header.format == SampleFormat::int16) {
        for (std::size_t n = 0; n < header.frames; ++n, at += channels * 2) {
            stereo[2 * n] = static_cast<float>(load<std::int16_t>(at)) / 32768.0f;
            stereo[2 * n + 1] = static_cast<float>(load<std::int16_t>(at + 2 * right)) / 32768.0f;
        }
        return Refusal::none;
    }
    bool finite = true;
    for (std::size_t n = 0; n < header.frames; ++n, at += channels * 4) {
        for (std::size_t c = 0; c < channels; ++c)
            finite &= std::isfinite(load<float>(at + 4 * c));
        stereo[2 * n] = load<float>(at);
        stereo[2 * n + 1] = load<float>(at + 4 * right);
    }
    return finite ? Refusal::none : Refusal::not_finite;
}

}  // namespace legando
