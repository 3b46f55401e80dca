// The plug-in's parts without a host, driven by test_core.py: one command a run, figures as JSON on standard output.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "client_config.hpp"
#include "controlwire.hpp"
#include "parameters.hpp"
#include "player.hpp"
#include "ring.hpp"
#include "wire.hpp"

using namespace legando;

namespace {

std::vector<std::vector<std::uint8_t>> read_messages()
{
    std::vector<std::vector<std::uint8_t>> messages;
    std::uint8_t size[4];
    while (std::fread(size, 1, 4, stdin) == 4) {
        // Of exactly this size, so that a sanitizer sees the first byte beyond.
        std::vector<std::uint8_t> message(load<std::uint32_t>(size));
        if (std::fread(message.data(), 1, message.size(), stdin) != message.size())
            std::exit(3);
        messages.push_back(std::move(message));
    }
    return messages;
}

void print_hex(const char* name, const std::uint8_t* bytes, std::size_t size, const char* end)
{
    std::printf("\"%s\": \"", name);
    for (std::size_t n = 0; n < size; ++n)
        std::printf("%02x", bytes[n]);
    std::printf("\"%s", end);
}

Refusal parse_whole(const std::vector<std::uint8_t>& message, AudioHeader& header, std::vector<float>& stereo)
{
    Refusal refusal = parse_audio(message.data(), message.size(), header);
    if (refusal == Refusal::none) {
        stereo.resize(2 * header.frames);
        refusal = read_samples(message.data(), header, stereo.data());
    }
    return refusal;
}

// Each message of standard input: a line of JSON with what was read of it.
int parse_command()
{
    for (const auto& message : read_messages()) {
        AudioHeader header{};
        std::vector<float> stereo;
        const Refusal refusal = parse_whole(message, header, stereo);
        std::printf("{\"refusal\": %d", static_cast<int>(refusal));
        if (refusal == Refusal::none) {
            std::printf(", \"stream\": \"%s\", \"sequence\": %" PRIu64 ", \"position\": %" PRIu64 ", \"timestamp_ns\": %" PRIu64 ", \"rate\": %u, \"frames\": %u, \"channels\": %u, \"format\": %u, ",
                header.stream, header.sequence, header.frame_position, header.timestamp_ns, header.sample_rate_hz, header.frames, header.channels, static_cast<unsigned>(header.format));
            print_hex("stream_id", header.stream_id, 16, ", ");
            print_hex("stereo", reinterpret_cast<const std::uint8_t*>(stereo.data()), std::min<std::size_t>(stereo.size(), 4096) * 4, "");
        }
        std::printf("}\n");
    }
    return 0;
}

int control_command()
{
    for (const auto& message : read_messages()) {
        FromServer came{};
        const Refusal refusal = parse_control(message.data(), message.size(), came);
        std::printf("{\"refusal\": %d, \"kind\": %u, \"answers\": %u, ", static_cast<int>(refusal), came.header.kind, came.header.answers);
        print_hex("body", reinterpret_cast<const std::uint8_t*>(&came.welcome), message.size() > 24 ? std::min(message.size() - 24, sizeof came - 24) : 0, "}\n");
    }
    return 0;
}

// What a client says, as hexadecimal.
int pack_command()
{
    std::uint8_t bytes[kMaxControlBytes];
    const auto show = [&](const char* name, Kind kind, const void* body, std::size_t size, const char* end) {
        print_hex(name, bytes, pack_control(bytes, kind, 7, 123456789, body, size), end);
    };
    std::printf("{");
    Hello hello{};
    hello.events = 6;
    std::memset(hello.clock_id, 0xAB, 16);
    set_text(hello.name, "plug-in");
    show("Hello", kHello, &hello, sizeof hello, ", ");
    Set set{0.25, {}};
    set_text(set.name, "mute.drums");
    show("Set", kSet, &set, sizeof set, ", ");
    Get get{};
    show("Get", kGet, &get, sizeof get, ", ");
    Midi midi{-1500, 3, {0x90, 60, 100}, 0};
    show("Midi", kMidi, &midi, sizeof midi, ", ");
    Transport transport{123.5, -4.25, 987654321, 0, kPlaying, 0};
    show("Transport", kTransport, &transport, sizeof transport, ", ");
    show("Ping", kPing, nullptr, 0, ", ");
    show("Bye", kBye, nullptr, 0, ", ");
    Prompt prompt{};
    set_text(prompt.text, "smoky jazz:0.7; dusty lofi");
    show("Prompt", kPrompt, &prompt, sizeof prompt, "}\n");
    return 0;
}

// Mutate the messages of standard input; what is taken must be what the table allows.
int fuzz_command(long count)
{
    const auto seeds = read_messages();
    std::mt19937_64 chance(1);
    std::vector<float> stereo;
    long taken = 0, wrong = 0;
    for (long n = 0; n < count; ++n) {
        std::vector<std::uint8_t> message = seeds[chance() % seeds.size()];
        for (std::uint64_t times = 1 + chance() % 4; times && !message.empty(); --times) {
            const std::uint64_t how = chance() % 6;
            const std::size_t at = chance() % std::min<std::size_t>(message.size(), chance() % 2 ? 128 : message.size());
            if (how == 0)
                message[at] = static_cast<std::uint8_t>(chance());
            else if (how == 1)
                message[at] ^= static_cast<std::uint8_t>(1u << chance() % 8);
            else if (how == 2)
                message.resize(at);
            else if (how == 3)
                message.insert(message.end(), chance() % 64, static_cast<std::uint8_t>(chance()));
            else if (how == 4)
                for (std::size_t k = at; k < message.size() && k < at + 8; ++k)
                    message[k] = 0xFF;
            else
                message.erase(message.begin() + static_cast<std::ptrdiff_t>(at));
        }
        message.shrink_to_fit();
        AudioHeader header{};
        if (parse_whole(message, header, stereo) == Refusal::none) {
            ++taken;
            wrong += header.frames == 0 || header.channels == 0 || message.size() != 104 + std::size_t{header.frames} * header.channels * (header.format == SampleFormat::int16 ? 2 : 4);
            for (const float sample : stereo)
                wrong += !std::isfinite(sample);
        }
        FromServer came{};
        taken += parse_control(message.data(), message.size(), came) == Refusal::none;
    }
    std::printf("{\"frames\": %ld, \"taken\": %ld, \"wrong\": %ld}\n", count, taken, wrong);
    return 0;
}

int ring_command(long count)
{
    Ring<std::uint64_t> ring(1024);
    std::thread writer([&] {
        std::mt19937 chance(1);
        std::uint64_t block[300], next = 0;
        while (next < static_cast<std::uint64_t>(count)) {
            const std::size_t size = 1 + chance() % 300;
            for (std::size_t n = 0; n < size; ++n)
                block[n] = next + n;
            while (!ring.write(block, size))
                std::this_thread::yield();
            next += size;
        }
    });
    std::mt19937 chance(2);
    std::uint64_t block[300], expected = 0, wrong = 0;
    while (expected < static_cast<std::uint64_t>(count)) {
        const std::size_t size = std::min<std::size_t>(1 + chance() % 300, ring.readable());
        if (!size) {
            std::this_thread::yield();
            continue;
        }
        if (chance() % 8 == 0) {
            expected += ring.skip(size);
            continue;
        }
        ring.read(block, size);
        for (std::size_t n = 0; n < size; ++n)
            wrong += block[n] != expected + n;
        expected += size;
    }
    writer.join();
    std::printf("{\"read\": %" PRIu64 ", \"wrong\": %" PRIu64 "}\n", expected, wrong);
    return 0;
}

struct Simulation {
    double hours = 1, ppm = 0, stream_rate = 8000, host_rate = 8000, target_ms = 40, jitter_ms = 2;
    std::size_t chunk = 640, block = 128;
    bool ramp = false;                                   // samples that tell their place, instead of a sine
    double stall_at_s = 1e18, stall_s = 0;               // the network keeps its blocks back for so long
    double pause_at_s = 1e18, pause_s = 0;               // the host does not call for so long
    double change_at_s = 1e18, change_ms = 0;            // the buffer is set to so much
    double drift_until_s = 1e18;                         // from then on both clocks go alike
    double restart_at_s = 1e18;                          // the server begins anew, half a second later
};

// A server, a network and a host with clocks of their own: every call and every block at its moment, no thread.
int simulate(const Simulation& s)
{
    Ring<float> samples(1 << 20);
    Ring<Block> blocks(4096);
    Player player(samples, blocks);
    player.prepare(s.host_rate);
    player.set_target(s.target_ms * 1e6);
    std::mt19937_64 chance(1);
    std::exponential_distribution<double> late(1.0 / (s.jitter_ms * 1e-3 / 3));
    const double omega = 2 * 3.14159265358979 * 0.02;    // of the sine, for each frame of the stream
    std::vector<float> chunk(2 * s.chunk), left(s.block), right(s.block);
    const double origin = 1000.0;
    double sent_s = origin, arrival_s = 0, call_s = origin, host_s = origin, last_arrival = 0;
    std::int64_t position = 0;
    std::uint32_t run = 1;
    double largest = 0, smallest = 1e9, fastest = 0, worst_wait = 0, ppm_heard = 0, silent_s = 0;
    std::uint64_t not_exact = 0, exact = 0, frames = 0;
    float past_left = 0, past_right = 0;
    bool settled = false, restarted = false;
    const double end_s = origin + s.hours * 3600;
    // The stream's clock is the true one; the host's frames come (1 + ppm) times as fast.
    while (host_s < end_s) {
        call_s = host_s + std::min(late(chance) * 0.3, 0.01);
        for (;;) {
            arrival_s = std::max(last_arrival, sent_s + std::min(late(chance), s.jitter_ms * 1e-3 * 4));
            if (sent_s - origin >= s.stall_at_s && sent_s - origin < s.stall_at_s + s.stall_s)
                arrival_s = std::max(arrival_s, origin + s.stall_at_s + s.stall_s);
            if (arrival_s > call_s)
                break;
            if (!restarted && sent_s - origin >= s.restart_at_s) {
                restarted = true;
                position = 0;
                ++run;
                sent_s += 0.5;
                continue;
            }
            for (std::size_t n = 0; n < s.chunk; ++n) {
                const double at = static_cast<double>(position) + static_cast<double>(n);
                chunk[2 * n] = s.ramp ? static_cast<float>(std::fmod(at, 8388608.0)) : static_cast<float>(std::sin(omega * at));
                chunk[2 * n + 1] = s.ramp ? -chunk[2 * n] : static_cast<float>(std::cos(omega * at));
            }
            last_arrival = arrival_s;
            if (samples.writable() >= 2 * s.chunk && blocks.writable()) {
                samples.write(chunk.data(), 2 * s.chunk);
                blocks.push({static_cast<std::int64_t>(arrival_s * 1e9), position, static_cast<std::uint32_t>(s.chunk), run, static_cast<std::uint32_t>(s.stream_rate)});
            }
            position += static_cast<std::int64_t>(s.chunk);
            sent_s += static_cast<double>(s.chunk) / s.stream_rate;
        }
        if (host_s - origin >= s.pause_at_s && host_s - origin < s.pause_at_s + s.pause_s) {
            host_s = origin + s.pause_at_s + s.pause_s + 1e-9;  // beyond it, however that is rounded
            continue;
        }
        if (host_s - origin >= s.change_at_s)
            player.set_target(s.change_ms * 1e6);
        player.begin(s.block, static_cast<std::int64_t>(call_s * 1e9));
        player.pull(left.data(), right.data(), s.block);
        const bool sounds = player.feed().open() && player.feed().missing() == 0;
        for (std::size_t n = 0; n < s.block; ++n, ++frames) {
            const double step = std::max(std::fabs(left[n] - past_left), std::fabs(right[n] - past_right));
            if (s.ramp) {
                if (host_s - origin > 1.0)
                    (left[n] == past_left + 1.0f && right[n] == -left[n] ? exact : not_exact) += 1;
            } else {
                largest = std::max(largest, step);
                if (host_s - origin > 1.0 && sounds && settled) {
                    const double amplitude = std::hypot(left[n], right[n]);
                    smallest = std::min(smallest, amplitude);
                    const double turned = std::atan2(left[n] * past_right - right[n] * past_left, left[n] * past_left + right[n] * past_right);
                    fastest = std::max(fastest, std::fabs(turned / (omega * s.stream_rate / s.host_rate) - 1.0));
                }
                if (std::hypot(left[n], right[n]) < 0.01)
                    silent_s += 1.0 / s.host_rate;
            }
            past_left = left[n];
            past_right = right[n];
        }
        settled = sounds && host_s - origin > 1.0;
        if (host_s - origin > 900 && host_s - origin > 0.3 * s.hours * 3600) {
            worst_wait = std::max(worst_wait, std::fabs(player.waits_ns() * 1e-6 - s.target_ms));
            ppm_heard = player.drift_ppm();
        }
        const double ppm = host_s - origin < s.drift_until_s ? s.ppm : 0;
        host_s += static_cast<double>(s.block) / (s.host_rate * (1 + ppm * 1e-6));
    }
    std::printf("{\"frames\": %" PRIu64 ", \"largest_step\": %.6f, \"sine_step\": %.6f, \"smallest\": %.5f, \"speed_error\": %.6f, \"off_centre_ms\": %.3f, \"drift_ppm\": %.2f, "
                "\"underruns\": %" PRIu64 ", \"jumps\": %" PRIu64 ", \"direct\": %s, \"exact\": %" PRIu64 ", \"not_exact\": %" PRIu64 ", \"silent_s\": %.3f, \"waits_ms\": %.3f, \"needed_ms\": %.3f, \"lost\": %" PRIu64 "}\n",
        frames, largest, omega * s.stream_rate / s.host_rate, smallest, fastest, worst_wait, ppm_heard, player.feed().underruns, player.jumps, player.direct() ? "true" : "false", exact, not_exact,
        silent_s, player.waits_ns() * 1e-6, player.needed_ns() * 1e-6, player.feed().lost_frames);
    return 0;
}

int simulate_command(int count, char** words)
{
    Simulation s;
    for (int n = 0; n < count; ++n) {
        const std::string word = words[n];
        const std::size_t equal = word.find('=');
        const std::string name = word.substr(0, equal);
        const double value = std::atof(word.c_str() + equal + 1);
        if (name == "hours") s.hours = value;
        else if (name == "ppm") s.ppm = value;
        else if (name == "stream_rate") s.stream_rate = value;
        else if (name == "host_rate") s.host_rate = value;
        else if (name == "target_ms") s.target_ms = value;
        else if (name == "jitter_ms") s.jitter_ms = value;
        else if (name == "chunk") s.chunk = static_cast<std::size_t>(value);
        else if (name == "block") s.block = static_cast<std::size_t>(value);
        else if (name == "ramp") s.ramp = value != 0;
        else if (name == "stall_at_s") s.stall_at_s = value;
        else if (name == "stall_s") s.stall_s = value;
        else if (name == "pause_at_s") s.pause_at_s = value;
        else if (name == "pause_s") s.pause_s = value;
        else if (name == "change_at_s") s.change_at_s = value;
        else if (name == "change_ms") s.change_ms = value;
        else if (name == "drift_until_s") s.drift_until_s = value;
        else if (name == "restart_at_s") s.restart_at_s = value;
        else return 2;
    }
    return simulate(s);
}

// The address that each word means, a line each; empty for one that is refused.
int resolve_command(int count, char** words)
{
    for (int n = 1; n < count; ++n)
        std::printf("%s\n", resolve(words[n], words[0][0] == '1').c_str());
    return 0;
}

// The table of parameters, and what numbers of sections and keys mean.
int parameters_command()
{
    for (const ParameterInfo& info : kParameters)
        std::printf("{\"symbol\": \"%s\", \"control\": \"%s\", \"least\": %.9g, \"most\": %.9g, \"normal\": %.9g, \"sort\": %d}\n", info.symbol, info.control, static_cast<double>(info.least), static_cast<double>(info.most), static_cast<double>(info.normal), static_cast<int>(info.sort));
    std::printf("[");
    for (const char* section : kSections)
        std::printf("\"%s\", ", section);
    for (int n = 0; n < 72; ++n)
        std::printf("\"%s %s\"%s", kTonics[n % 12], kModes[n / 12], n < 71 ? ", " : "]\n");
    return 0;
}

int keys_command(const char* folder, const char* client)
{
    const Keys keys = read_keys(folder, client);
    std::printf("%s\n%s\n%s\n", keys.server.c_str(), keys.publics.c_str(), keys.secret.c_str());
    return 0;
}

}  // namespace

int main(int count, char** words)
{
    const std::string command = count > 1 ? words[1] : "";
    if (command == "parse") return parse_command();
    if (command == "control") return control_command();
    if (command == "pack") return pack_command();
    if (command == "fuzz" && count == 3) return fuzz_command(std::atol(words[2]));
    if (command == "ring" && count == 3) return ring_command(std::atol(words[2]));
    if (command == "simulate") return simulate_command(count - 2, words + 2);
    if (command == "resolve" && count > 3) return resolve_command(count - 2, words + 2);
    if (command == "parameters") return parameters_command();
    if (command == "keys" && count == 4) return keys_command(words[2], words[3]);
    return 2;
}
