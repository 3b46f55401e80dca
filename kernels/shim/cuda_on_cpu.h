// Run CUDA C++ on the CPU, for tests: one ucontext fibre per thread, one block at a time.
//
// g++ compiles the untouched .cu after this header. It is written to find bugs, not to be fast:
//  - shared memory is filled with NaN before each block;
//  - a warp runs as far as it can before the next starts, and the order of warps and lanes is adversarial (see Order),
//    so that a missing __syncthreads() reads poison or stale values;
//  - a barrier that some lanes or threads never reach is reported as a deadlock;
//  - built with -fsanitize=address, a stray load or store is named with its line in the .cu.
// Not modelled: weak memory order, sub-warp shuffles, dynamic shared memory, several blocks alive at once.

#pragma once
#include <ucontext.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

struct uint3 { unsigned int x, y, z; };
struct dim3 {
    unsigned int x, y, z;
    dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
};
struct float2 { float x, y; };
inline float2 make_float2(float x, float y) { return {x, y}; }

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
// A section of its own, so that the shim can poison every shared variable between these two linker symbols.
#define __shared__ static __attribute__((section("cuda_shared")))
extern "C" char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

// `static`: an inline variable would be one for all libraries of a process, whatever they were loaded for.
static uint3 threadIdx, blockIdx;
static dim3 blockDim, gridDim;

inline float __uint_as_float(unsigned int bits) { float x; std::memcpy(&x, &bits, sizeof x); return x; }
inline unsigned int __float_as_uint(float x) { unsigned int bits; std::memcpy(&bits, &x, sizeof x); return bits; }

namespace cuda_on_cpu {

enum class Order : int { ascending, descending, shuffled };
enum class Wait { none, warp, block, done };

constexpr int kWarpSize = 32;
constexpr std::size_t kStackBytes = 64 * 1024;
constexpr int kOk = 0, kDeadlock = 1;

// Marsaglia's xorshift (2003) and a Fisher-Yates shuffle: <random> would double the compile time of every mutant.
struct Random {
    unsigned int state;
    explicit Random(unsigned int seed) : state(seed * 2654435769u | 1u) {}
    unsigned int below(unsigned int n) {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        return state % n;
    }
    template <typename T> void shuffle(std::vector<T>& items) {
        for (unsigned int i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
    }
};

struct Fibre {
    ucontext_t context;
    uint3 index;
    Wait wait;
    unsigned int shuffles;  // how many this lane has done; its parity picks the exchange buffer
};

static std::vector<Fibre> fibres;
static std::unique_ptr<char[]> stacks;
static std::vector<unsigned long long> exchange;  // [warps, 2, 32]
static ucontext_t scheduler;
static std::size_t current;
static const std::function<void()>* body;
static std::function<void()> on_system_fence;

inline void pause(Wait why) {
    fibres[current].wait = why;
    swapcontext(&fibres[current].context, &scheduler);
}

inline void enter() {
    (*body)();
    pause(Wait::done);
}

inline void resume(std::size_t thread) {
    current = thread;
    threadIdx = fibres[thread].index;
    swapcontext(&scheduler, &fibres[thread].context);
}

// Run one warp until all its lanes are done or wait for the block. A lane that waits for its warp is released only
// when all 32 wait, as a full mask demands.
inline void run_warp(std::size_t first, const std::vector<int>& lanes) {
    for (;;) {
        int waiting = 0;
        for (int lane : lanes) {
            Fibre& fibre = fibres[first + lane];
            if (fibre.wait == Wait::none) resume(first + lane);
            waiting += fibre.wait == Wait::warp;
        }
        if (waiting < kWarpSize) return;
        for (int lane : lanes) fibres[first + lane].wait = Wait::none;
    }
}

inline int run_block(Order order, Random& random) {
    std::vector<int> warps(fibres.size() / kWarpSize), lanes(kWarpSize);
    const bool down = order == Order::descending;
    const int warp_count = static_cast<int>(warps.size());
    for (int i = 0; i < warp_count; ++i) warps[i] = down ? warp_count - 1 - i : i;
    for (int i = 0; i < kWarpSize; ++i) lanes[i] = down ? kWarpSize - 1 - i : i;
    for (;;) {
        if (order == Order::shuffled) {
            random.shuffle(warps);
            random.shuffle(lanes);
        }
        for (int warp : warps) run_warp(static_cast<std::size_t>(warp) * kWarpSize, lanes);
        bool any_block = false;
        for (Fibre& fibre : fibres) {
            if (fibre.wait == Wait::warp) {
                std::fprintf(stderr, "deadlock: thread %u waits for lanes of its warp that never come\n", fibre.index.x);
                return kDeadlock;
            }
            any_block |= fibre.wait == Wait::block;
        }
        if (!any_block) return kOk;
        for (Fibre& fibre : fibres)
            if (fibre.wait == Wait::block) fibre.wait = Wait::none;
    }
}

// Call `kernel` once per thread. Only x dimensions; the block is a multiple of 32 threads.
inline int launch(unsigned int grid, unsigned int block, Order order, unsigned int seed,
                  const std::function<void()>& kernel) {
    Random random(seed);
    gridDim = dim3(grid);
    blockDim = dim3(block);
    body = &kernel;
    fibres.resize(block);
    stacks.reset(new char[block * kStackBytes]);  // left unfilled: most of it is never touched
    exchange.assign(block * 2, 0);
    std::vector<unsigned int> blocks(grid);
    for (unsigned int b = 0; b < grid; ++b) blocks[b] = order == Order::descending ? grid - 1 - b : b;
    if (order == Order::shuffled) random.shuffle(blocks);
    for (unsigned int b : blocks) {
        blockIdx = {b, 0, 0};
        if (__start_cuda_shared) std::memset(__start_cuda_shared, 0xff, __stop_cuda_shared - __start_cuda_shared);
        for (unsigned int t = 0; t < block; ++t) {
            Fibre& fibre = fibres[t];
            getcontext(&fibre.context);
            fibre.context.uc_stack.ss_sp = stacks.get() + t * kStackBytes;
            fibre.context.uc_stack.ss_size = kStackBytes;
            fibre.context.uc_link = nullptr;
            fibre.index = {t, 0, 0};
            fibre.wait = Wait::none;
            fibre.shuffles = 0;
            makecontext(&fibre.context, enter, 0);
        }
        if (int status = run_block(order, random)) return status;
    }
    return kOk;
}

template <typename T, typename Source>
T shuffle(unsigned int mask, T value, Source source) {
    static_assert(sizeof(T) <= sizeof(unsigned long long), "shuffles move at most 8 bytes");
    if (mask != 0xffffffffu) {
        std::fprintf(stderr, "the shim runs full-warp shuffles only; the mask is %08x\n", mask);
        std::abort();
    }
    // Two buffers in turn: a lane that runs ahead to its next shuffle does not overwrite what others still read.
    const int lane = static_cast<int>(current % kWarpSize);
    unsigned long long* buffer =
        exchange.data() + (current / kWarpSize * 2 + fibres[current].shuffles++ % 2) * kWarpSize;
    std::memcpy(buffer + lane, &value, sizeof(T));
    pause(Wait::warp);
    const int from = source(lane);
    T result = value;
    if (from >= 0 && from < kWarpSize) std::memcpy(&result, buffer + from, sizeof(T));
    return result;
}

}  // namespace cuda_on_cpu

inline void __syncthreads() { cuda_on_cpu::pause(cuda_on_cpu::Wait::block); }
inline void __syncwarp(unsigned int = 0xffffffffu) { cuda_on_cpu::pause(cuda_on_cpu::Wait::warp); }
inline void __threadfence_block() {}
inline void __threadfence() {}
inline void __threadfence_system() {
    if (cuda_on_cpu::on_system_fence) cuda_on_cpu::on_system_fence();
}

template <typename T> T __shfl_sync(unsigned int mask, T v, int from) {
    return cuda_on_cpu::shuffle(mask, v, [=](int) { return from % cuda_on_cpu::kWarpSize; });
}
template <typename T> T __shfl_down_sync(unsigned int mask, T v, unsigned int delta) {
    return cuda_on_cpu::shuffle(mask, v, [=](int lane) { return lane + static_cast<int>(delta); });
}
template <typename T> T __shfl_up_sync(unsigned int mask, T v, unsigned int delta) {
    return cuda_on_cpu::shuffle(mask, v, [=](int lane) { return lane - static_cast<int>(delta); });
}
template <typename T> T __shfl_xor_sync(unsigned int mask, T v, int bits) {
    return cuda_on_cpu::shuffle(mask, v, [=](int lane) { return lane ^ bits; });
}

// Fibres change only at barriers, so a plain read-modify-write is atomic here.
template <typename T> T atomicAdd(T* at, T v) { T old = *at; *at = old + v; return old; }
template <typename T> T atomicMax(T* at, T v) { T old = *at; *at = old < v ? v : old; return old; }
template <typename T> T atomicMin(T* at, T v) { T old = *at; *at = v < old ? v : old; return old; }
template <typename T> T atomicExch(T* at, T v) { T old = *at; *at = v; return old; }
template <typename T> T atomicCAS(T* at, T expected, T v) { T old = *at; if (old == expected) *at = v; return old; }
