// The sampler step: Euler step, the network's next input and, at the end, the next chunk's starting noise.
//
// One launch between two runs of the denoiser, in place, for B streams:
//   x = x + dt v
//   last step: `clean` takes x, for the memory pass and the decoder; x becomes the noise of the next chunk
//
// Because the last step makes the noise, a chunk needs no launch of its own for that. Reference: sampler.py, equal bit
// for bit (-fmad=false), but for the rare last bit of a normal. x stays float whatever the network takes.
// Launch streams * blocks_for(n) blocks of 256 threads; a thread owns four numbers, one Philox block.

#include "half.cuh"
#include "philox.cuh"

constexpr int kThreads = 256;
constexpr unsigned int kLatent = 1;  // counter_rng.LATENT
enum Mode : int { kStep, kLast, kBegin };

// x, velocity, noisy, clean: [streams, n]. next: [streams], the seed and the chunk whose noise is made, in mapped memory.
// kBegin reads no velocity.
template <typename T>
__device__ __forceinline__ void sampler_step(float* x, const T* velocity, T* noisy, T* clean, const Counted* next, int n,
                                             float dt, int mode) {
    const int blocks = (n + 4 * kThreads - 1) / (4 * kThreads);
    const int stream = blockIdx.x / blocks;
    const int block = blockIdx.x % blocks * kThreads + threadIdx.x;
    if (4 * block >= n) return;
    float noise[4] = {};
    if (mode != kStep) normals_of(philox4x32(next[stream], kLatent, static_cast<unsigned int>(block)), noise);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (4 * block + i >= n) break;
        const long long at = static_cast<long long>(stream) * n + 4ll * block + i;
        float now = noise[i];
        if (mode != kBegin) {
            const float stepped = x[at] + to_float(velocity[at]) * dt;
            if (mode == kLast) clean[at] = from_float<T>(stepped);
            if (mode == kStep) now = stepped;
        }
        x[at] = now;
        noisy[at] = from_float<T>(now);
    }
}

extern "C" __global__ void __launch_bounds__(kThreads)
sampler_step_float(float* x, const float* velocity, float* noisy, float* clean, const Counted* next, int n, float dt,
                   int mode) {
    sampler_step(x, velocity, noisy, clean, next, n, dt, mode);
}

extern "C" __global__ void __launch_bounds__(kThreads)
sampler_step_half(float* x, const Half* velocity, Half* noisy, Half* clean, const Counted* next, int n, float dt,
                  int mode) {
    sampler_step(x, velocity, noisy, clean, next, n, dt, mode);
}
