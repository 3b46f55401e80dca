// Ring: one thread writes, one reads, nobody waits. [any]
//
// A single-producer single-consumer queue of plain values (L. Lamport, "Specifying concurrent program modules", 1983).
// Indices only grow; each side owns one and reads the other's. Memory is taken once, in the constructor.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <vector>

namespace legando {

template <class T>
class Ring {
    static_assert(std::is_trivially_copyable<T>::value, "what goes through a ring is copied as bytes");

public:
    // Capacity must be a power of two.
    explicit Ring(std::size_t capacity) : mask_(capacity - 1), slots_(capacity) {}

    // For the writer.

    std::size_t writable() const noexcept
    {
        return mask_ + 1 - (write_.load(std::memory_order_relaxed) - read_.load(std::memory_order_acquire));
    }

    // Write all or nothing.
    bool write(const T* from, std::size_t count) noexcept
    {
        if (count > writable())
            return false;
        const std::size_t at = write_.load(std::memory_order_relaxed);
        const std::size_t start = at & mask_, first = std::min(count, mask_ + 1 - start);
        std::memcpy(slots_.data() + start, from, first * sizeof(T));
        std::memcpy(slots_.data(), from + first, (count - first) * sizeof(T));
        write_.store(at + count, std::memory_order_release);
        return true;
    }

    bool push(const T& value) noexcept { return write(&value, 1); }

    // For the reader.

    std::size_t readable() const noexcept
    {
        return write_.load(std::memory_order_acquire) - read_.load(std::memory_order_relaxed);
    }

    // Read all or nothing.
    bool read(T* to, std::size_t count) noexcept
    {
        if (count > readable())
            return false;
        const std::size_t at = read_.load(std::memory_order_relaxed);
        const std::size_t start = at & mask_, first = std::min(count, mask_ + 1 - start);
        std::memcpy(to, slots_.data() + start, first * sizeof(T));
        std::memcpy(to + first, slots_.data(), (count - first) * sizeof(T));
        read_.store(at + count, std::memory_order_release);
        return true;
    }

    bool pop(T& value) noexcept { return read(&value, 1); }

    // Throw away up to `count`, and return how many that were.
    std::size_t skip(std::size_t count) noexcept
    {
        count = std::min(count, readable());
        read_.store(read_.load(std::memory_order_relaxed) + count, std::memory_order_release);
        return count;
    }

    // Empty it; only while neither side runs.
    void clear() noexcept
    {
        write_.store(0);
        read_.store(0);
    }

private:
    const std::size_t mask_;
    std::vector<T> slots_;
    alignas(64) std::atomic<std::size_t> write_{0};
    alignas(64) std::atomic<std::size_t> read_{0};
};

}  // namespace legando
