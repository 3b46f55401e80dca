// Conditioning: one record for each stream, as the host wrote it, becomes the inputs of the denoiser and the decoder.
//
// What a chunk is told about (timeline.py) is made on the host: that is bookkeeping of slots and held notes, with phases
// in double precision, a few microseconds of branches. What this kernel saves is the way from there: six copies,
// the conversion to half, and above all the excitation, four fifths of all bytes: its table stays on the device, and
// only a row number crosses the bus.
//
// Reference: conditioning.py, equal bit for bit. Launch streams * 32 blocks of 256 threads.

#include "half.cuh"

constexpr int kThreads = 256;
constexpr int kBlocks = 32;  // for each stream

// A record is frames [latents * features], style [style], voices, ages (floats), then tokens and the first grain (ints).
// Whatever comes out: [streams, ...]. table: [table_rows, bins].
template <typename T>
__device__ __forceinline__ void assemble(const unsigned int* records, const float* table, T* frames, T* style,
                                         float* voices, float* ages, long long* tokens, T* excitation, int frames_n,
                                         int style_n, int voices_n, int ages_n, int tokens_n, int grains, int bins,
                                         int table_rows) {
    const int stream = blockIdx.x / kBlocks;
    const int first = blockIdx.x % kBlocks * kThreads + threadIdx.x;
    const int words = frames_n + style_n + voices_n + ages_n + tokens_n + 1;
    const unsigned int* const record = records + static_cast<long long>(stream) * words;
    for (int i = first; i < words - 1; i += kBlocks * kThreads) {
        const unsigned int word = record[i];
        int at = i;
        if (at < frames_n) {
            frames[static_cast<long long>(stream) * frames_n + at] = from_float<T>(__uint_as_float(word));
            continue;
        }
        at -= frames_n;
        if (at < style_n) {
            style[stream * style_n + at] = from_float<T>(__uint_as_float(word));
            continue;
        }
        at -= style_n;
        if (at < voices_n) {
            voices[static_cast<long long>(stream) * voices_n + at] = __uint_as_float(word);
            continue;
        }
        at -= voices_n;
        if (at < ages_n) {
            ages[stream * ages_n + at] = __uint_as_float(word);
            continue;
        }
        at -= ages_n;
        tokens[stream * tokens_n + at] = static_cast<int>(word);
    }
    const unsigned int first_grain = record[words - 1];
    const int size = grains * bins;
    for (int i = first; i < size; i += kBlocks * kThreads) {
        const unsigned int grain = (first_grain + static_cast<unsigned int>(i / bins)) % static_cast<unsigned int>(table_rows);
        excitation[static_cast<long long>(stream) * size + i] =
            from_float<T>(table[static_cast<long long>(grain) * bins + i % bins]);
    }
}

extern "C" __global__ void __launch_bounds__(kThreads)
assemble_float(const unsigned int* records, const float* table, float* frames, float* style, float* voices, float* ages,
               long long* tokens, float* excitation, int frames_n, int style_n, int voices_n, int ages_n, int tokens_n,
               int grains, int bins, int table_rows) {
    assemble(records, table, frames, style, voices, ages, tokens, excitation, frames_n, style_n, voices_n, ages_n,
             tokens_n, grains, bins, table_rows);
}

extern "C" __global__ void __launch_bounds__(kThreads)
assemble_half(const unsigned int* records, const float* table, Half* frames, Half* style, float* voices, float* ages,
              long long* tokens, Half* excitation, int frames_n, int style_n, int voices_n, int ages_n, int tokens_n,
              int grains, int bins, int table_rows) {
    assemble(records, table, frames, style, voices, ages, tokens, excitation, frames_n, style_n, voices_n, ages_n,
             tokens_n, grains, bins, table_rows);
}
