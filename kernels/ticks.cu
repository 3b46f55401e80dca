// Ticks ahead: the language model writes the next tick before it is asked for, and the host takes it or leaves it.
//
// `commit_ticks` makes the state after a tick that was taken the state that the next tick starts from, for B streams,
// each by its own flag; a tick that was not taken is forgotten by doing nothing. `publish_tokens` shows tokens to the
// host: tokens, fence, sequence word. Reference: ticks.py, equal bit for bit: bytes are moved, not numbers.

constexpr int kThreads = 256;

struct alignas(16) Unit {
    unsigned int w[4];
};

// keys, values, and the ones after the tick: [layers, streams, units]. taken: [streams], in mapped memory.
// Launch any number of blocks of 256 threads.
extern "C" __global__ void __launch_bounds__(kThreads)
commit_ticks(const Unit* keys_after, const Unit* values_after, Unit* keys, Unit* values, const int* taken, int layers,
             int streams, int units) {
    const long long all = static_cast<long long>(layers) * streams * units;
    const long long by = static_cast<long long>(gridDim.x) * kThreads;
    for (long long i = static_cast<long long>(blockIdx.x) * kThreads + threadIdx.x; i < all; i += by) {
        if (!taken[i / units % streams]) continue;
        keys[i] = keys_after[i];
        values[i] = values_after[i];
    }
}

// tokens: [n]. shown: [n], and word[0] = wanted[0] when all of them are there; all three in mapped memory but tokens.
// Launch ONE block of 256 threads.
extern "C" __global__ void __launch_bounds__(kThreads)
publish_tokens(const long long* tokens, long long* shown, unsigned int* word, const unsigned int* wanted, int n) {
    for (int i = threadIdx.x; i < n; i += kThreads) shown[i] = tokens[i];
    __syncthreads();  // orders every thread's stores before thread 0's fence
    if (threadIdx.x != 0) return;
    __threadfence_system();  // whoever sees the word sees the tokens
    *static_cast<volatile unsigned int*>(word) = *wanted;
}
