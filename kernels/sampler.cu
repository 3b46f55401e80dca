// The sampler step: guidance, Euler step, the network's next input and, at the end, the next chunk's starting noise.
//
// One launch between two runs of the denoiser, in place, for B streams:
//   v = v0 + guidance (v1 - v0)      row 0 of the batch ran with the style, row 1 without
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

struct SamplerControls {    // one for each stream, in mapped memory: layout.py SAMPLER_CONTROLS
    Counted next;           // the seed, and the chunk whose noise is made
    float guidance;         // 1: as the style says; 0: as if there were none
    unsigned int padding;
};

// x: [streams, n]. velocity, noisy: [rows, streams, n]. clean: [streams, n]. kBegin reads no velocity.
template <typename T>
__device__ __forceinline__ void sampler_step(float* x, const T* velocity, T* noisy, T* clean,
                                             const SamplerControls* controls, int streams, int n, int rows, float dt,
                                             int mode) {
    const int blocks = (n + 4 * kThreads - 1) / (4 * kThreads);
    const int stream = blockIdx.x / blocks;
    const int block = blockIdx.x % blocks * kThreads + threadIdx.x;
    if (4 * block >= n) return;
    const SamplerControls control = controls[stream];
    const long long size = static_cast<long long>(streams) * n;
    float noise[4] = {};
    if (mode != kStep) normals_of(philox4x32(control.next, kLatent, static_cast<unsigned int>(block)), noise);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (4 * block + i >= n) break;
        const long long at = static_cast<long long>(stream) * n + 4ll * block + i;
        float now = noise[i];
        if (mode != kBegin) {
            float v = to_float(velocity[at]);
            if (rows == 2 && control.guidance != 1.0f) {
                const float v0 = to_float(velocity[size + at]);
                v = control.guidance == 0.0f ? v0 : (v - v0) * control.guidance + v0;
            }
            const float stepped = x[at] + v * dt;
            if (mode == kLast) clean[at] = from_float<T>(stepped);
            if (mode == kStep) now = stepped;
        }
        x[at] = now;
        noisy[at] = from_float<T>(now);
        if (rows == 2) noisy[size + at] = from_float<T>(now);
    }
}

extern "C" __global__ void __launch_bounds__(kThreads)
sampler_step_float(float* x, const float* velocity, float* noisy, float* clean, const SamplerControls* controls,
                   int streams, int n, int rows, float dt, int mode) {
    sampler_step(x, velocity, noisy, clean, controls, streams, n, rows, dt, mode);
}

extern "C" __global__ void __launch_bounds__(kThreads)
sampler_step_half(float* x, const Half* velocity, Half* noisy, Half* clean, const SamplerControls* controls,
                  int streams, int n, int rows, float dt, int mode) {
    sampler_step(x, velocity, noisy, clean, controls, streams, n, rows, dt, mode);
}
