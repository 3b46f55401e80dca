// The history roll: keys and values of the denoiser's past move on by one chunk, in place, all four tensors at once.
//
// The past lies oldest first, because the network knows places by distance. A ring would save these moves (0.9 MB for
// one stream, a third of a microsecond at 3 TB/s) and cost a rotated bias in every attention; so the past is shifted.
//
// The 16 oldest coarse places may hold an anchor (generator.py, _hold_anchor); for each stream:
//   kFree  everything moves on
//   kTake  everything moves on, then the newest `anchor` places are copied to the oldest
//   kHold  the oldest `anchor` places stay; only the places after them move on
//
// Reference: history.py. Bytes are moved, not numbers: float and half alike, in units of 16 bytes. Each thread owns one
// column (one unit of every place of one head), so nothing is read after another thread wrote it.

constexpr int kThreads = 256;
constexpr int kAhead = 4;  // loads in flight in each thread
enum Anchor : int { kFree, kTake, kHold };

struct alignas(16) Unit {
    unsigned int w[4];
};

// Move a column: place i takes old place i + by, or the new ones after them. from <= i < to. Reads run ahead of writes.
__device__ __forceinline__ void shift(Unit* column, const Unit* fresh, int stride, int from, int to, int by, int places) {
    for (int i = from; i < to; i += kAhead) {
        Unit held[kAhead];
#pragma unroll
        for (int k = 0; k < kAhead; ++k) {
            const int source = i + k + by;
            if (i + k < to) held[k] = source < places ? column[source * stride] : fresh[(source - places) * stride];
        }
#pragma unroll
        for (int k = 0; k < kAhead; ++k)
            if (i + k < to) column[(i + k) * stride] = held[k];
    }
}

// Tensors are [layers, streams, heads, places, units]; the new ones likewise, with fine_pitch and coarse_pitch places, of
// which the last fine_new, or the last one, are new: a network may hand over its whole past.
extern "C" __global__ void __launch_bounds__(kThreads)
roll_history(Unit* fine_keys, Unit* fine_values, Unit* coarse_keys, Unit* coarse_values, const Unit* new_fine_keys,
             const Unit* new_fine_values, const Unit* new_coarse_keys, const Unit* new_coarse_values,
             const int* anchors, int layers, int streams, int heads, int units, int fine, int fine_new, int coarse,
             int anchor, int fine_pitch, int coarse_pitch) {
    const int columns = layers * streams * heads * units;
    const int thread = blockIdx.x * kThreads + threadIdx.x;
    if (thread >= 4 * columns) return;
    const int tensor = thread / columns, column = thread % columns;
    const int row = column / units, unit = column % units;
    if (tensor < 2) {
        Unit* const past = (tensor == 0 ? fine_keys : fine_values) + static_cast<long long>(row) * fine * units + unit;
        const Unit* const fresh = (tensor == 0 ? new_fine_keys : new_fine_values) +
                                  (static_cast<long long>(row + 1) * fine_pitch - fine_new) * units + unit;
        shift(past, fresh, units, 0, fine, fine_new, fine);
        return;
    }
    Unit* const past =
        (tensor == 2 ? coarse_keys : coarse_values) + static_cast<long long>(row) * coarse * units + unit;
    const Unit* const fresh =
        (tensor == 2 ? new_coarse_keys : new_coarse_values) +
        (static_cast<long long>(row + 1) * coarse_pitch - 1) * units + unit;
    const int mode = anchors[row / heads % streams];
    // Taking: the newest places after the move are the places anchor_by further on before it.
    if (mode == kTake) shift(past, fresh, units, 0, anchor, coarse - anchor + 1, coarse);
    shift(past, fresh, units, mode == kFree ? 0 : anchor, coarse, 1, coarse);
}
