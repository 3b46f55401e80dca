// The room: what a space knob turned up adds to a chunk, between decoder and seam, for B streams.
//
//   send      overlap-added sound, times a gain that moves in a straight line, into a ring
//   low cut   less its own mean over 128 frames, which seven doublings add up
//   echoes    eight for each channel, of either sign
//   lines     eight delay lines, dulled a little each time, mixed by a Hadamard matrix, fed with the echoes
//   answer    even lines left, odd lines right, added to the decoder's output in place
//
// Reference: engines/room.py, equal bit for bit when compiled with -fmad=false: only + - * and comparisons, in its
// order. Nothing is sent and nothing rings: the chunk is not touched, and only what overlaps is kept.
//
// Launch ONE block of 960 threads for each stream. All lines are longer than 960 frames, so the frames of a block do not
// wait for each other: a thread is a frame, and a chunk is a few turns of the block. The past lies in rings, so that
// nothing is moved: rows [2 sent, 2 without lows, 8 lines] of `capacity` places, a power of two.

#include "insert.cuh"

struct RoomState {         // one for each stream, on the device
    unsigned int at;       // where in the rings the next frame goes
    unsigned int rings;    // whether a tail still sounds
};

constexpr int kThreads = 960;
constexpr int kLines = 8;
constexpr int kEchoes = 8;
constexpr int kSent = 0, kCut = 2, kLine = 4, kRows = kLine + kLines;
constexpr int kDoublings = 7, kMean = 1 << kDoublings;
constexpr int kPast = 1280 + kMean;    // frames of the send that are looked back at
constexpr int kLinePast = 2742;        // frames of the lines
constexpr float kSilent = 1e-5f;
constexpr float kLargestFloat = 3.402823466e38f;
__device__ constexpr int kLength[kLines] = {1009, 1171, 1361, 1579, 1811, 2081, 2389, 2741};
// Frames of the echoes; those below zero are subtracted.
__device__ constexpr int kEcho[2][kEchoes] = {{0, -167, -331, 502, 683, -829, 1013, -1187},
                                              {59, 211, -397, -547, 719, 907, -1091, 1259}};

// One stream's memory, and a frame of what the decoder made with what overlaps from the last chunk.
struct Stream {
    float* y;
    float* tail;
    float* rings;
    int frames, overlap, capacity;

    __device__ __forceinline__ float fresh(int channel, int i) const {
        const float x = y[channel * (frames + overlap) + i];
        return i < overlap ? x + tail[channel * overlap + i] : x;
    }
    __device__ __forceinline__ float& ring(int row, unsigned int place) const {
        return rings[row * capacity + static_cast<int>(place & static_cast<unsigned int>(capacity - 1))];
    }
};

// Run all lines for one frame, with what is strewn into them; return what is heard of them.
__device__ __forceinline__ float2 answer(const Stream& s, const float* gains, unsigned int place) {
    float spread[2], line[kLines];
#pragma unroll
    for (int c = 0; c < 2; ++c) {
        spread[c] = 0.0f;
#pragma unroll
        for (int e = 0; e < kEchoes; ++e) {
            const int frame = kEcho[c][e];
            if (frame < 0) spread[c] -= s.ring(kCut + c, place + static_cast<unsigned int>(frame));
            else spread[c] += s.ring(kCut + c, place - static_cast<unsigned int>(frame));
        }
    }
    float2 heard = make_float2(0.0f, 0.0f);
#pragma unroll
    for (int k = 0; k < kLines; ++k) {
        const unsigned int from = place - static_cast<unsigned int>(kLength[k]);
        line[k] = s.ring(kLine + k, from) * gains[k];
        line[k] += s.ring(kLine + k, from - 1u) * gains[kLines + k];
        (k % 2 == 0 ? heard.x : heard.y) += line[k];
    }
#pragma unroll
    for (int half = kLines / 2; half > 0; half /= 2) {
#pragma unroll
        for (int k = 0; k < kLines; ++k) {
            if (k & half) continue;
            const float a = line[k], b = line[k + half];
            line[k] = a + b;
            line[k + half] = a - b;
        }
    }
#pragma unroll
    for (int k = 0; k < kLines; ++k) s.ring(kLine + k, place) = line[k] + spread[k % 2];
    return heard;
}

// y: [streams, 2, frames + overlap]. tail: [streams, 2, overlap]. rings: [streams, 12, capacity]. gains: [2, 8], of a
// line as it is and of its frame before. capacity >= frames, and >= kLinePast + kThreads.
// No launch bounds: with them the compiler keeps room for a second block, and spills. Without, it takes at most 48 registers.
extern "C" __global__ void room(float* y, float* tail, const InsertControls* controls, RoomState* states, float* rings,
                                const float* gains, int frames, int overlap, int capacity) {
    __shared__ float mean[2][2][kMean - 1 + kThreads];
    __shared__ int broken, loud;
    const int stream = blockIdx.x, me = threadIdx.x;
    const InsertControls control = controls[stream];
    const RoomState begun = states[stream];
    const Stream s = {y + static_cast<long long>(stream) * 2 * (frames + overlap), tail + stream * 2 * overlap,
                      rings + static_cast<long long>(stream) * kRows * capacity, frames, overlap, capacity};

    if (control.open || begun.rings) {  // alike for all threads of a block
        if (me == 0) broken = loud = 0;
        __syncthreads();
        for (int i = me; i < 2 * frames; i += kThreads)
            if (!(fabsf(s.fresh(i / frames, i % frames)) <= kLargestFloat)) broken = 1;  // the seam silences it later
        __syncthreads();
        for (int start = 0; start < frames; start += kThreads) {
            const int i = start + me;
            const bool here = i < frames;
            const unsigned int place = begun.at + static_cast<unsigned int>(i);
            const float gain = static_cast<float>(i + 1) * control.gain_step + control.gain_from;
            for (int c = 0; c < 2; ++c) {
                if (me < kMean - 1) mean[0][c][me] = s.ring(kSent + c, place - static_cast<unsigned int>(kMean - 1));
                if (here) mean[0][c][kMean - 1 + me] = (broken ? 0.0f : s.fresh(c, i)) * gain;
                if (here) s.ring(kSent + c, place) = mean[0][c][kMean - 1 + me];
            }
            __syncthreads();
            for (int doubling = 0; doubling < kDoublings; ++doubling) {
                const int lag = 1 << doubling;
                for (int c = 0; c < 2; ++c)
                    for (int k = me; k < kMean - 1 + kThreads; k += kThreads)
                        if (k >= lag)
                            mean[(doubling + 1) % 2][c][k] = mean[doubling % 2][c][k] + mean[doubling % 2][c][k - lag];
                __syncthreads();
            }
            for (int c = 0; here && c < 2; ++c)
                s.ring(kCut + c, place) = mean[kDoublings % 2][c][kMean - 1 + me] * (-1.0f / kMean) +
                                          s.ring(kSent + c, place - static_cast<unsigned int>(kMean / 2));
            __syncthreads();
            if (here) {
                const float2 heard = answer(s, gains, place);
                s.y[i] += heard.x;
                s.y[frames + overlap + i] += heard.y;
            }
        }
        __syncthreads();

        // A tail that cannot be heard any more is forgotten: from then on the chunk is not touched.
        const unsigned int end = begun.at + static_cast<unsigned int>(frames);
        for (int row = kSent; row < kRows && !control.sends; ++row) {
            const int looked = row < kCut ? kPast : row < kLine ? 0 : frames > kLinePast ? frames : kLinePast;
            for (int k = me; k < looked; k += kThreads)
                if (!(fabsf(s.ring(row, end - 1u - static_cast<unsigned int>(k))) < kSilent)) loud = 1;
        }
        __syncthreads();
        const bool rings_on = control.sends || loud;
        for (int k = me; k < kRows * capacity && !rings_on; k += kThreads) s.rings[k] = 0.0f;
        if (me == 0) states[stream] = {end, rings_on ? 1u : 0u};
    }
    // The thread that read an element of the tail writes it, so no barrier is needed.
    for (int c = 0; c < 2; ++c)
        for (int i = me; i < overlap; i += kThreads) s.tail[c * overlap + i] = s.y[c * (frames + overlap) + frames + i];
}
