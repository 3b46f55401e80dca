// Score tokens: what the language model says becomes what the parts play, for B streams, one block for each.
//
//   scaled = logits / temperature + mask       mask: 0 or FORBIDDEN, from constraints.py
//   unlikely where scaled < max + log(min_p)   these become FORBIDDEN
//   token = argmax(scaled + Gumbel)            Philox, counted by tick: the CPU's numbers
//   HOLD resolves to what the part sounded with before
//
// `sample_tokens` takes logits that another network made. `write_tick` makes them too: the small heads that choose part
// after part, each told what the parts before chose, are 20 matrix products of one row, launch for launch on a GPU, and
// one launch here. Reference: tokens.py, equal bit for bit (-fmad=false; every sum in one fixed order) but for the last
// bit of erf and log. A logit that is NaN is never chosen; if all are, the part rests.
// Launch `streams` blocks of 512 threads.

#include "philox.cuh"

constexpr int kThreads = 512;
constexpr int kWarp = 32;
constexpr int kWarps = kThreads / kWarp;
constexpr int kParts = 5;
constexpr int kLogits = 439;
constexpr int kLongest = 256;  // tokens of the longest part
constexpr int kInner = 128;    // width of the heads
constexpr int kSplits = kThreads / kInner;
constexpr unsigned int kScore = 0;  // counter_rng.SCORE
constexpr float kForbidden = -1e9f;
constexpr long long kHold = 1;

struct TokenControls {      // one for each stream, in mapped memory: layout.py TOKEN_CONTROLS
    Counted which;          // the seed, and the tick
    float temperature;      // above 0
    unsigned int padding;
};

// chord, drums, bass, lead, texture: score.VOCABULARY_SIZES
__device__ __forceinline__ int size_of(int part) {
    return part == 0 ? 98 : part == 1 ? 256 : part == 2 ? 39 : part == 3 ? 40 : 6;
}
// Which of the three sustained parts (chord, bass, lead) this is, or -1.
__device__ __forceinline__ int sustained(int part) { return part == 0 ? 0 : part == 2 ? 1 : part == 3 ? 2 : -1; }

// Minus infinity, which NVRTC knows by no name.
__device__ __forceinline__ float none() { return __uint_as_float(0xff800000u); }

struct Best {
    float score;
    int index;
};

__device__ __forceinline__ Best better(Best a, Best b) {  // on a tie the lower index, as argmax says
    return b.score > a.score || (b.score == a.score && b.index < a.index) ? b : a;
}

__device__ __forceinline__ Best best_of_warp(Best best) {
#pragma unroll
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
        Best other;
        other.score = __shfl_xor_sync(0xffffffffu, best.score, distance);
        other.index = __shfl_xor_sync(0xffffffffu, best.index, distance);
        best = better(best, other);
    }
    return best;
}

// The best of all threads, told to all of them. `of_warp` is free again after the next barrier.
__device__ __forceinline__ Best best_of_block(Best best, Best* of_warp) {
    best = best_of_warp(best);
    if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = best;
    __syncthreads();
    const int lane = threadIdx.x % kWarp;
    best = best_of_warp(lane < kWarps ? of_warp[lane] : Best{none(), kLongest});
    __syncthreads();
    return best;
}

// Choose the token of one part. logit: this thread's, where threadIdx.x < size. All threads get the answer.
__device__ __forceinline__ int choose(float logit, float allowed, float gumbel, int size, float temperature,
                                      float log_min_p, Best* of_warp) {
    const int index = threadIdx.x;
    const float scaled = index < size ? logit / temperature + allowed : none();
    const bool number = scaled == scaled;
    const float likeliest = best_of_block({number ? scaled : none(), index}, of_warp).score;
    const float score = scaled < likeliest + log_min_p ? kForbidden : scaled + gumbel;
    const Best best = best_of_block(index < size && score == score ? Best{score, index} : Best{none(), kLongest}, of_warp);
    return best.index < size ? best.index : 0;
}

__device__ __forceinline__ void make_gumbels(const TokenControls& control, float* gumbels) {
    for (int i = threadIdx.x; i < kLogits; i += kThreads)
        gumbels[i] = gumbel_of(philox4x32(control.which, kScore, static_cast<unsigned int>(i / 4)).w[i % 4]);
}

// logits, mask: [streams, kLogits]. tokens: [streams, kParts]. sounding: [streams, 3]: read and replaced.
// Samples `parts` parts from `first` on.
extern "C" __global__ void __launch_bounds__(kThreads)
sample_tokens(const float* logits, const float* mask, const TokenControls* controls, long long* tokens,
              long long* sounding, int first, int parts, float log_min_p) {
    __shared__ float gumbels[kLogits];
    __shared__ Best of_warp[kWarps];
    const int stream = blockIdx.x, index = threadIdx.x;
    const TokenControls control = controls[stream];
    make_gumbels(control, gumbels);
    __syncthreads();
    int start = 0;
    for (int part = 0; part < first + parts; ++part) {
        const int size = size_of(part), at = index < size ? start + index : 0;
        start += size;
        if (part < first) continue;
        const long long row = static_cast<long long>(stream) * kLogits;
        const int token = choose(logits[row + at], mask[row + at], gumbels[at], size, control.temperature, log_min_p, of_warp);
        if (index == 0) {
            tokens[stream * kParts + part] = token;
            if (sustained(part) >= 0 && token != kHold) sounding[stream * 3 + sustained(part)] = token;
        }
    }
}

// x: [streams, width], the trunk's output. weights, part after part: to_heads [width, inner] and [inner], to_logits
// [inner, size] and [size], chosen [size, inner], and for sustained parts resolved [size, inner]. width: a multiple of 4.
// logits: [streams, kLogits], written for whoever wants to look. The rest as in sample_tokens.
extern "C" __global__ void __launch_bounds__(kThreads)
write_tick(const float* x, const float* weights, const float* mask, const TokenControls* controls, float* logits,
           long long* tokens, long long* sounding, int width, float log_min_p) {
    __shared__ float gumbels[kLogits];
    __shared__ Best of_warp[kWarps];
    __shared__ float partial[kThreads];
    __shared__ float hidden[kInner];
    const int stream = blockIdx.x, index = threadIdx.x;
    const TokenControls control = controls[stream];
    const float* const trunk = x + static_cast<long long>(stream) * width;
    const long long row = static_cast<long long>(stream) * kLogits;
    make_gumbels(control, gumbels);
    const float* next = weights;
    float told = 0.0f;  // of thread index < kInner: what the parts before say to this element
    int start = 0;
    for (int part = 0; part < kParts; ++part) {
        const int size = size_of(part);
        const float* const to_heads = next;
        const float* const heads_bias = to_heads + width * kInner;
        const float* const to_logits = heads_bias + kInner;
        const float* const logits_bias = to_logits + kInner * size;
        const float* const chosen = logits_bias + size;
        const float* const resolved = chosen + size * kInner;
        next = resolved + (sustained(part) >= 0 ? size * kInner : 0);

        // Four threads share an element: each adds a quarter of its products, then the quarters are added in order.
        const int element = index % kInner, split = index / kInner, quarter = width / kSplits;
        float sum = 0.0f;
        for (int k = split * quarter; k < (split + 1) * quarter; ++k) sum += trunk[k] * to_heads[k * kInner + element];
        partial[index] = sum;
        __syncthreads();
        if (index < kInner) {
            for (int s = 1; s < kSplits; ++s) sum += partial[s * kInner + index];
            const double h = sum + heads_bias[index] + told;
            hidden[index] = static_cast<float>(0.5 * h * (1.0 + erf(h * 0.7071067811865476)));
        }
        __syncthreads();
        // Two threads share a logit.
        const int token_at = index % kLongest, half = index / kLongest;
        sum = 0.0f;
        if (token_at < size)
            for (int k = half * (kInner / 2); k < (half + 1) * (kInner / 2); ++k)
                sum += hidden[k] * to_logits[k * size + token_at];
        partial[index] = sum;
        __syncthreads();
        float logit = 0.0f;
        if (index < size) {
            logit = sum + partial[kLongest + index] + logits_bias[index];
            logits[row + start + index] = logit;
        }
        const int at = index < size ? start + index : 0;
        const int token = choose(logit, mask[row + at], gumbels[at], size, control.temperature, log_min_p, of_warp);
        long long* const sounds = sounding + stream * 3 + (sustained(part) >= 0 ? sustained(part) : 0);
        if (index < kInner) {
            float tell = chosen[token * kInner + index];
            if (sustained(part) >= 0) tell += resolved[(token == kHold ? *sounds : token) * kInner + index];
            told += tell;
        }
        // No barrier: what sounds is read above only where the token holds, and written here only where it does not.
        if (index == 0) {
            tokens[stream * kParts + part] = token;
            if (sustained(part) >= 0 && token != kHold) *sounds = token;
        }
        start += size;
    }
}
