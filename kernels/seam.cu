// The seam: the last kernel of a chunk. Decoder output in, playable audio out.
//
//   overlap-add -> gain ramp -> soft limiter -> meters -> interleave -> fence -> sequence word
//
// Reference: seam.py, equal bit for bit when compiled with -fmad=false: only +, -, *, / and sqrt are used, which
// IEEE 754 rounds the same way everywhere, and the sums have one fixed order.
//
// Launch ONE block of 1024 threads for each stream. A chunk is 7,680 samples, too few to fill a second multiprocessor, and one block
// needs no second pass for the sums, no atomics, and a single fence before the sequence word.
//
// `out` and `reports` are meant to be mapped pinned memory: rings of `slots` chunks that the host reads while the GPU
// works on the next. `controls` too: the host writes it before each launch, so that one captured CUDA graph serves all
// chunks although gain, slot and sequence change.
//
// `seam_to_ring` writes the audio straight into the shared memory that the player reads (realtime/ringheader.py), with
// no copy by the host at all: words `reserved`, audio, fence, word `written`, in the order that `Ring.write` keeps.

struct SeamControls {
    float gain_from;         // linear gain before the first frame
    float gain_to;           // linear gain at the last frame
    float knee;              // identity up to here
    float ceiling;           // never exceeded
    unsigned int sequence;   // number of this chunk, from 1; chooses the slot
};

struct SeamReport {
    float peak[2];                  // max |out|, left and right
    float sum_squares[2];           // of out, left and right
    unsigned int limited_frames;    // frames with a sample above the knee
    unsigned int bad_samples;       // NaN or Inf, replaced by 0
    unsigned int frames;
    unsigned int sequence;          // written last
};

struct Meter {
    float peak[2];
    float sum_squares[2];
    unsigned int limited_frames;
    unsigned int bad_samples;
};

constexpr int kThreads = 1024;
constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;
constexpr int kHeaderBytes = 4096;  // of a ring, ringheader.py
constexpr int kReservedWord = 16, kWrittenWord = 17;
constexpr float kLargestFloat = 3.402823466e38f;
// From here on u / sqrt(1 + u * u) rounds to 1, and u * u stays far from overflow.
constexpr float kSaturated = 4096.0f;

// Identity up to the knee; above it knee + room * s(u), s(u) = u / sqrt(1 + u^2), u = (|x| - knee) / room.
// s(0) = 0, s'(0) = 1 and s''(0) = 0, so the curve is smooth to the second derivative at the knee; s < 1.
__device__ __forceinline__ float soften(float x, float knee, float ceiling) {
    const float room = ceiling - knee;
    const float u = fminf((fabsf(x) - knee) / room, kSaturated);
    return copysignf(fminf(knee + room * (u / sqrtf(1.0f + u * u)), ceiling), x);
}

// Add the meters of a warp's lanes into lane 0, halving the distance each time: seam.py adds in this order.
__device__ __forceinline__ void reduce_warp(Meter& m) {
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
#pragma unroll
        for (int c = 0; c < 2; ++c) {
            m.peak[c] = fmaxf(m.peak[c], __shfl_down_sync(0xffffffffu, m.peak[c], distance));
            m.sum_squares[c] += __shfl_down_sync(0xffffffffu, m.sum_squares[c], distance);
        }
        m.limited_frames += __shfl_down_sync(0xffffffffu, m.limited_frames, distance);
        m.bad_samples += __shfl_down_sync(0xffffffffu, m.bad_samples, distance);
    }
}

// Where a chunk goes: a slot of `out`, or a place in the player's ring, which may wrap round.
struct Slot {
    float2* frames;
    __device__ __forceinline__ float2& operator[](int i) const { return frames[i]; }
    __device__ __forceinline__ void publish() const {}
};

struct RingPlace {
    unsigned long long* header;
    float2* frames;
    unsigned long long start, end, mask;
    __device__ __forceinline__ float2& operator[](int i) const { return frames[(start + i) & mask]; }
    __device__ __forceinline__ void publish() const {
        __threadfence_system();  // whoever sees the new position sees the audio before it
        *static_cast<volatile unsigned long long*>(header + kWrittenWord) = end;
    }
};

// y: [2, frames + overlap], channel-major. tail: [2, overlap], read and replaced. frames >= overlap.
template <typename Place>
__device__ __forceinline__ void make_chunk(const float* y, float* tail, const SeamControls& control, const Place& chunk,
                                           SeamReport& report, Meter* of_warp, int frames, int overlap) {
    const float gain_step = (control.gain_to - control.gain_from) / static_cast<float>(frames);
    Meter meter = {};

    for (int i = threadIdx.x; i < frames; i += kThreads) {
        const float gain = control.gain_from + gain_step * static_cast<float>(i + 1);
        float frame[2];
        bool limited = false;
#pragma unroll
        for (int c = 0; c < 2; ++c) {
            const float* const channel = y + c * (frames + overlap);
            float x = channel[i];
            if (i < overlap) {
                // This thread alone reads and writes element i of the tail, so no barrier is needed.
                x += tail[c * overlap + i];
                tail[c * overlap + i] = channel[frames + i];
            }
            x *= gain;
            if (!(fabsf(x) <= kLargestFloat)) {  // NaN compares false
                x = 0.0f;
                meter.bad_samples += 1;
            }
            if (fabsf(x) > control.knee) {
                x = soften(x, control.knee, control.ceiling);
                limited = true;
            }
            meter.peak[c] = fmaxf(meter.peak[c], fabsf(x));
            meter.sum_squares[c] += x * x;
            frame[c] = x;
        }
        meter.limited_frames += limited ? 1u : 0u;
        chunk[i] = make_float2(frame[0], frame[1]);
    }

    const int lane = threadIdx.x % kWarp;
    reduce_warp(meter);
    if (lane == 0) of_warp[threadIdx.x / kWarp] = meter;
    __syncthreads();  // orders every thread's stores to `out` before thread 0's fence, too
    if (threadIdx.x >= kWarp) return;
    meter = of_warp[lane];
    reduce_warp(meter);
    if (lane != 0) return;

    for (int c = 0; c < 2; ++c) {
        report.peak[c] = meter.peak[c];
        report.sum_squares[c] = meter.sum_squares[c];
    }
    report.limited_frames = meter.limited_frames;
    report.bad_samples = meter.bad_samples;
    report.frames = static_cast<unsigned int>(frames);
    chunk.publish();
    // The host polls the sequence word; whoever sees it must see the audio and the report as well.
    __threadfence_system();
    *static_cast<volatile unsigned int*>(&report.sequence) = control.sequence;
}

// out: [streams, slots, slot_frames, 2]. reports: [streams, slots]. Launch one block for each stream.
extern "C" __global__ void __launch_bounds__(kThreads)
seam(const float* y, float* tail, const SeamControls* controls, float2* out, SeamReport* reports,
     int frames, int overlap, int slot_frames, int slots) {
    __shared__ Meter of_warp[kWarps];
    const int stream = blockIdx.x;
    const SeamControls control = controls[stream];
    const int slot = stream * slots + static_cast<int>(control.sequence % static_cast<unsigned int>(slots));
    const Slot chunk = {out + static_cast<long long>(slot) * slot_frames};
    make_chunk(y + static_cast<long long>(stream) * 2 * (frames + overlap), tail + stream * 2 * overlap, control, chunk,
               reports[slot], of_warp, frames, overlap);
}

// ring: header and audio as in ringheader.py, two channels, room for frames + what is not yet played. The position is the
// ring's own word `written`, of which this kernel is then the only writer.
extern "C" __global__ void __launch_bounds__(kThreads)
seam_to_ring(const float* y, float* tail, const SeamControls* controls, unsigned long long* ring, SeamReport* reports,
             int frames, int overlap, unsigned int capacity, int slots) {
    __shared__ Meter of_warp[kWarps];
    const SeamControls control = *controls;
    const int slot = static_cast<int>(control.sequence % static_cast<unsigned int>(slots));
    const unsigned long long start = *static_cast<volatile unsigned long long*>(ring + kWrittenWord);
    const RingPlace chunk = {ring, reinterpret_cast<float2*>(ring + kHeaderBytes / 8), start, start + frames,
                             capacity - 1ull};
    if (threadIdx.x == 0) {
        *static_cast<volatile unsigned long long*>(ring + kReservedWord) = chunk.end;
        __threadfence_system();  // a reader that finds new audio in old places also finds them reserved
    }
    __syncthreads();
    make_chunk(y, tail, control, chunk, reports[slot], of_warp, frames, overlap);
}
