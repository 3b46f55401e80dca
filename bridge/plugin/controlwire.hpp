// The control format, version 2 (PROTOCOL.md, "Control"): pack what a client says, parse what a server says. [any]
//
// Pure: no socket, no clock, no memory of its own. Bodies are structs whose members lie as on the wire, so that a copy
// is the whole conversion; a test compares each with the Python side's bytes.
#pragma once

#include "wire.hpp"

namespace legando {

constexpr std::size_t kControlHeaderBytes = 24;
constexpr std::size_t kMaxControlBytes = 512;
constexpr std::uint64_t kNowhere = ~std::uint64_t{0};

enum Kind : std::uint8_t {
    kHello = 1, kSet = 2, kGet = 3, kMidi = 4, kTransport = 5, kPing = 6, kBye = 7, kPrompt = 8,
    kWelcome = 129, kStreamInfo = 130, kValue = 131, kDone = 132, kError = 133, kPong = 134,
    kSceneEvent = 140, kBeatEvent = 141, kLevelsEvent = 142, kBudgetEvent = 143, kNotesEvent = 144,
};

enum EventMask : std::uint32_t { kSceneMask = 1, kBeatMask = 2, kLevelsMask = 4, kBudgetMask = 8, kValuesMask = 16, kNotesMask = 32 };
enum TransportFlags : std::uint32_t { kPlaying = 1, kRelease = 2 };
enum ErrorCode : std::uint16_t { kSayHello = 3, kFull = 6, kLed = 8 };

#pragma pack(push, 1)
struct ControlHeader { char magic[4]; std::uint8_t version, kind; std::uint16_t flags; std::uint32_t number, answers; std::uint64_t timestamp_ns; };

struct Hello { std::uint32_t events, pad; std::uint8_t clock_id[16]; char name[32]; };
struct Set { double value; char name[32]; };
struct Get { char name[32]; };
struct Midi { std::int64_t offset_ns; std::uint8_t size, data[3]; std::uint32_t pad; };
struct Transport { double tempo_bpm, tick; std::uint64_t frame_position; std::int64_t offset_ns; std::uint32_t flags, pad; };
struct Prompt { char text[256]; };

struct Welcome { std::uint32_t events, max_messages_per_s, silence_ms; std::uint16_t streams, pad; std::uint8_t clock_id[16]; char server[32]; };
struct StreamInfo { char name[32]; std::uint8_t stream_id[16]; std::uint32_t sample_rate_hz; std::uint8_t channels, format; std::uint16_t pad; std::uint32_t latency_frames, pad2; };
struct Value { double value, least, most; std::uint8_t kind, pad[7]; char name[32]; };
struct Error { std::uint16_t code, pad[3]; char text[192]; };
struct Pong { std::uint64_t asked_ns, received_ns; };
struct SceneEvent { std::uint32_t number, scenes; char name[64]; };
struct BeatEvent { double tick, tempo_bpm; std::uint64_t frame_position; std::uint32_t following, pad; char chord[16]; };
struct LevelsEvent { float peak_left_db, peak_right_db, rms_left_db, rms_right_db; };
struct BudgetEvent { float cost_ms, chunk_ms, lead_ms; std::uint32_t steps, full_steps, underruns, xruns; };
struct NotesEvent { std::uint32_t sequence, count; std::uint64_t frame_position; std::uint8_t notes[448]; };
#pragma pack(pop)

static_assert(sizeof(ControlHeader) == kControlHeaderBytes, "as on the wire");
static_assert(sizeof(Hello) == 56 && sizeof(Set) == 40 && sizeof(Midi) == 16 && sizeof(Transport) == 40 && sizeof(Prompt) == 256, "as on the wire");
static_assert(sizeof(Welcome) == 64 && sizeof(StreamInfo) == 64 && sizeof(Value) == 64 && sizeof(Error) == 200, "as on the wire");
static_assert(sizeof(SceneEvent) == 72 && sizeof(BeatEvent) == 48 && sizeof(BudgetEvent) == 28 && sizeof(NotesEvent) == 464, "as on the wire");

// Write a message of header and body; return its size. `to` has room for kMaxControlBytes.
inline std::size_t pack_control(std::uint8_t* to, Kind kind, std::uint32_t number, std::uint64_t timestamp_ns, const void* body, std::size_t body_bytes) noexcept
{
    const ControlHeader header{{'L', 'G', 'N', 'D'}, 2, kind, 0, number, 0, timestamp_ns};
    std::memcpy(to, &header, sizeof header);
    if (body_bytes)
        std::memcpy(to + sizeof header, body, body_bytes);
    return sizeof header + body_bytes;
}

// Fill a text field: the text and zero bytes; false, and all zero, where it does not fit whole.
template <std::size_t Room>
inline bool set_text(char (&field)[Room], const char* text) noexcept
{
    std::memset(field, 0, Room);
    const std::size_t size = std::strlen(text);
    if (size > Room)
        return false;
    std::memcpy(field, text, size);
    return true;
}

// Say whether bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, up to U+10FFFF).
inline bool is_utf8(const std::uint8_t* at, std::size_t size) noexcept
{
    for (std::size_t n = 0; n < size;) {
        const std::uint8_t lead = at[n++];
        std::size_t more = lead < 0x80 ? 0 : lead >= 0xC2 && lead <= 0xDF ? 1 : lead >= 0xE0 && lead <= 0xEF ? 2 : lead >= 0xF0 && lead <= 0xF4 ? 3 : 9;
        if (more > size - n)
            return false;
        if (more > 1) {
            const std::uint8_t least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
            const std::uint8_t most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
            if (at[n] < least || at[n] > most)
                return false;
        }
        for (; more; --more, ++n)
            if (at[n] < 0x80 || at[n] > 0xBF)
                return false;
    }
    return true;
}

// Say whether a text field holds UTF-8, and after its end zero bytes alone.
inline bool is_text(const char* field, std::size_t room) noexcept
{
    std::size_t size = 0;
    while (size < room && field[size])
        ++size;
    for (std::size_t n = size; n < room; ++n)
        if (field[n])
            return false;
    return is_utf8(reinterpret_cast<const std::uint8_t*>(field), size);
}

// What a server has said; which member holds is said by `header.kind`.
struct FromServer {
    ControlHeader header;
    union {
        Welcome welcome;
        StreamInfo stream;
        Value value;
        Error error;
        Pong pong;
        SceneEvent scene;
        BeatEvent beat;
        LevelsEvent levels;
        BudgetEvent budget;
        NotesEvent notes;
    };
};

// Read one message of a server; refuse what differs from the tables in any way.
inline Refusal parse_control(const std::uint8_t* message, std::size_t size, FromServer& came) noexcept
{
    if (size < kControlHeaderBytes || size > kMaxControlBytes)
        return Refusal::length;
    std::memcpy(&came.header, message, kControlHeaderBytes);
    if (std::memcmp(came.header.magic, "LGND", 4) != 0)
        return Refusal::mark;
    if (came.header.version != 2)
        return Refusal::version;
    const std::uint8_t* body = message + kControlHeaderBytes;
    const std::size_t body_bytes = size - kControlHeaderBytes;
    const auto take = [&](auto& into) noexcept {
        if (body_bytes != sizeof into)
            return false;
        std::memcpy(&into, body, sizeof into);
        return true;
    };
    const auto finite = [](auto... numbers) noexcept { return (std::isfinite(numbers) && ...); };
    switch (came.header.kind) {
    case kWelcome:
        return !take(came.welcome) ? Refusal::length : is_text(came.welcome.server, 32) ? Refusal::none : Refusal::name;
    case kStreamInfo:
        return !take(came.stream) ? Refusal::length : is_text(came.stream.name, 32) ? Refusal::none : Refusal::name;
    case kValue:
        if (!take(came.value))
            return Refusal::length;
        if (!finite(came.value.value, came.value.least, came.value.most))
            return Refusal::not_finite;
        return is_text(came.value.name, 32) ? Refusal::none : Refusal::name;
    case kDone:
        return body_bytes == 0 ? Refusal::none : Refusal::length;
    case kError:
        return !take(came.error) ? Refusal::length : is_text(came.error.text, 192) ? Refusal::none : Refusal::name;
    case kPong:
        return take(came.pong) ? Refusal::none : Refusal::length;
    case kSceneEvent:
        return !take(came.scene) ? Refusal::length : is_text(came.scene.name, 64) ? Refusal::none : Refusal::name;
    case kBeatEvent:
        if (!take(came.beat))
            return Refusal::length;
        if (!finite(came.beat.tick, came.beat.tempo_bpm))
            return Refusal::not_finite;
        return is_text(came.beat.chord, 16) ? Refusal::none : Refusal::name;
    case kLevelsEvent:
        if (!take(came.levels))
            return Refusal::length;
        return finite(came.levels.peak_left_db, came.levels.peak_right_db, came.levels.rms_left_db, came.levels.rms_right_db) ? Refusal::none : Refusal::not_finite;
    case kBudgetEvent:
        if (!take(came.budget))
            return Refusal::length;
        return finite(came.budget.cost_ms, came.budget.chunk_ms, came.budget.lead_ms) ? Refusal::none : Refusal::not_finite;
    case kNotesEvent:
        return take(came.notes) ? Refusal::none : Refusal::length;
    default:
        return Refusal::kind;
    }
}

}  // namespace legando
