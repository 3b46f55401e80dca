// Drive: what a drive knob turned up adds to a chunk, between decoder and room, for B streams.
//
//   y += x (sqrt((1 + (g p)^2) / (1 + (g x)^2)) - 1)       x: overlap-added sound, g: the gain, p: a pivot
//
// Reference: engines/drive.py, equal bit for bit when compiled with -fmad=false: only + - * / and square root, in its
// order. At no gain the chunk is not touched, and only what overlaps is kept. A chunk with a sample that is not finite is
// left alone, too: the seam silences it. To know that, one block has to see the whole chunk.
// Launch ONE block of 1024 threads for each stream.

#include "insert.cuh"

constexpr int kThreads = 1024;
constexpr float kPivot = 0.25f;
constexpr float kLoudest = 1e6f;  // what is louder is broken, and must not overflow
constexpr float kLargestFloat = 3.402823466e38f;

// y: [streams, 2, frames + overlap]. tail: [streams, 2, overlap], dry.
extern "C" __global__ void __launch_bounds__(kThreads)
drive(float* y, float* tail, const InsertControls* controls, int frames, int overlap) {
    __shared__ int broken;
    const int stream = blockIdx.x, me = threadIdx.x;
    const InsertControls control = controls[stream];
    const int pitch = frames + overlap;
    y += static_cast<long long>(stream) * 2 * pitch;
    tail += stream * 2 * overlap;

    if (control.open) {  // alike for all threads of a block
        if (me == 0) broken = 0;
        __syncthreads();
        for (int c = 0; c < 2; ++c)
            for (int i = me; i < frames; i += kThreads) {
                const float x = i < overlap ? y[c * pitch + i] + tail[c * overlap + i] : y[c * pitch + i];
                if (!(fabsf(x) <= kLargestFloat)) broken = 1;  // NaN compares false
            }
        __syncthreads();
        for (int i = me; i < frames && !broken; i += kThreads) {
            const float gain = static_cast<float>(i + 1) * control.gain_step + control.gain_from;
            const float at_pivot = gain * kPivot;
            const float over = at_pivot * at_pivot + 1.0f;
            for (int c = 0; c < 2; ++c) {
                const float x = i < overlap ? y[c * pitch + i] + tail[c * overlap + i] : y[c * pitch + i];
                const float driven = fminf(fmaxf(x, -kLoudest), kLoudest) * gain;
                y[c * pitch + i] += (sqrtf(over / (driven * driven + 1.0f)) - 1.0f) * x;
            }
        }
    }
    // The thread that read an element of the tail writes it, so no barrier is needed.
    for (int c = 0; c < 2; ++c)
        for (int i = me; i < overlap; i += kThreads) tail[c * overlap + i] = y[c * pitch + frames + i];
}
