// System: what the operating system is asked for; system_posix.cpp and system_windows.cpp answer. [any]
//
// Texts are UTF-8 on every system, paths as well.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace legando {

#ifdef _WIN32
constexpr bool kHasIpc = false;  // libzmq's works from Windows 10 on, and nothing but a folder's list of access guards it
#else
constexpr bool kHasIpc = true;
#endif

// CLOCK_MONOTONIC on Linux, read from the vDSO; on macOS and Windows too it is read without entering the kernel.
inline std::int64_t monotonic_ns() noexcept
{
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The machine's boot id: two programs that have the same one read the same clock (`machine.py`). Zeros where there is none.
void read_clock_id(std::uint8_t (&id)[16]);

// Take a priority for this thread that is above a screen's and below a sound server's own, if the system allows it.
// Returns the policy that libzmq's threads can have as well (ZMQ_THREAD_SCHED_POLICY), or -1.
int take_priority();
constexpr int kPriority = 20;

// Name this thread for who looks at the process.
void name_thread(const char* name);

// While it lives, threads that this one starts get no signals: those are the host's business.
class WithoutSignals {
public:
    WithoutSignals();
    ~WithoutSignals();

private:
    struct Before;
    std::unique_ptr<Before> before_;
};

// The value of an environment variable, empty where there is none.
std::string environment(const char* name);

std::filesystem::path home_folder();
// Where the user's own settings of legando are.
std::filesystem::path config_folder();
// The folder of sockets that have a name only (`endpoint.private_folder`); empty where there are no such sockets.
std::string private_folder();

// Whether a file is there that only the user (and who rules the machine) may read.
bool is_private(const std::filesystem::path& path);

}  // namespace legando
