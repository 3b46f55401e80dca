#include "system.hpp"

#include <pthread.h>
#include <time.h>

#include <cstdio>
#include <cstring>

namespace legando {

std::int64_t monotonic_ns() noexcept
{
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);  // read from the vDSO, without entering the kernel
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

void read_clock_id(std::uint8_t (&id)[16])
{
    std::memset(id, 0, sizeof id);
    std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "r");
    if (!file)
        return;
    char text[64] = {};
    if (std::fread(text, 1, 36, file) == 36) {
        std::size_t digit = 0;
        for (const char* at = text; *at && digit < 32; ++at) {
            const char c = *at;
            const int value = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (value < 0)
                continue;
            id[digit / 2] = static_cast<std::uint8_t>(id[digit / 2] << 4 | value);
            ++digit;
        }
    }
    std::fclose(file);
}

bool take_priority()
{
    sched_param priority{};
    priority.sched_priority = kPriority;
    return ::pthread_setschedparam(::pthread_self(), SCHED_FIFO, &priority) == 0;
}

}  // namespace legando
