// System: what the operating system is asked for. [any]
#pragma once

#include <cstdint>

namespace legando {

constexpr int kPriority = 20;  // below every sound server's own threads

// CLOCK_MONOTONIC, read from the vDSO, without entering the kernel.
std::int64_t monotonic_ns() noexcept;

// The machine's boot id: two programs that have the same one read the same clock (`machine.py`). Zeros where there is none.
void read_clock_id(std::uint8_t (&id)[16]);

// Take real-time priority for this thread, and say whether the system allows it; libzmq's own may then have it as well.
bool take_priority();

}  // namespace legando
