// Random numbers for B streams at once: engines/counter_rng.py on the device, without a copy from the host.
//
// Reference: counter_rng.py. Integers and uniforms are equal to the bit; see philox.cuh for normals and Gumbels.
// Launch streams * blocks_for(n) blocks of 256 threads; a thread makes the four numbers of one Philox block.

#include "philox.cuh"

constexpr int kThreads = 256;
enum Kind : int { kIntegers, kUniforms, kNormals, kGumbels };

// out: [streams, n] of unsigned int for integers, else float. stream: which stream of counter_rng.py.
extern "C" __global__ void __launch_bounds__(kThreads)
random_numbers(const Counted* which, unsigned int* out, int n, unsigned int stream, int kind) {
    const int blocks = (n + 4 * kThreads - 1) / (4 * kThreads);
    const int row = blockIdx.x / blocks;
    const int block = blockIdx.x % blocks * kThreads + threadIdx.x;
    const int left = n - 4 * block;
    if (left <= 0) return;
    Words words = philox4x32(which[row], stream, static_cast<unsigned int>(block));
    if (kind == kNormals) {  // the numbers take the words' place: fewer registers live across the sine's slow path
        float made[4];
        normals_of(words, made);
#pragma unroll
        for (int i = 0; i < 4; ++i) words.w[i] = __float_as_uint(made[i]);
    } else if (kind != kIntegers) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            const float uniform = static_cast<float>(uniform_of(words.w[i]));
            words.w[i] = __float_as_uint(kind == kGumbels ? gumbel_of(words.w[i]) : uniform);
        }
    }
    unsigned int* const to = out + static_cast<long long>(row) * n + 4ll * block;
#pragma unroll
    for (int i = 0; i < 4; ++i)
        if (i < left) to[i] = words.w[i];
}

// Gumbels of the words first << 9, (first + 1) << 9 ...: all 2^23 values that a Gumbel can take, for the checks.
extern "C" __global__ void __launch_bounds__(kThreads) gumbel_values(float* out, unsigned int first, int n) {
    const int i = blockIdx.x * kThreads + threadIdx.x;
    if (i < n) out[i] = gumbel_of((first + static_cast<unsigned int>(i)) << 9);
}
