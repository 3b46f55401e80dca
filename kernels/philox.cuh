// Counter-based random numbers, equal to engines/counter_rng.py: Philox4x32-10 (Salmon et al., SC 2011).
//
// Integers and uniforms are the same bits everywhere. Logarithms, roots, sines and cosines are taken in double and
// rounded to float at the end, so that maths libraries, which differ in the last bit of a double, give the same float
// but for about one number in a hundred million.

#pragma once

struct Counted {                   // which numbers: layout.py COUNTED
    unsigned long long seed;
    unsigned long long counter;    // tick or chunk
};

struct Words {
    unsigned int w[4];
};

// The four words of one block of `stream` (SCORE, LATENT, NOISE or FORM).
__device__ __forceinline__ Words philox4x32(const Counted& from, unsigned int stream, unsigned int block) {
    unsigned int c0 = block, c1 = static_cast<unsigned int>(from.counter);
    unsigned int c2 = static_cast<unsigned int>(from.counter >> 32), c3 = stream;
    unsigned int key0 = static_cast<unsigned int>(from.seed), key1 = static_cast<unsigned int>(from.seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const unsigned long long p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
        c0 = static_cast<unsigned int>(p1 >> 32) ^ c1 ^ key0;
        c2 = static_cast<unsigned int>(p0 >> 32) ^ c3 ^ key1;
        c1 = static_cast<unsigned int>(p1);
        c3 = static_cast<unsigned int>(p0);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// (k + 1/2) / 2^23 from the top 23 bits: never 0, never 1, exact in float.
__device__ __forceinline__ double uniform_of(unsigned int word) {
    return (static_cast<double>(word >> 9) + 0.5) * (1.0 / 8388608.0);
}

__device__ __forceinline__ float gumbel_of(unsigned int word) {
    return static_cast<float>(-log(-log(uniform_of(word))));
}

// Box and Muller (1958): words 0, 1 make numbers 0 (cosine) and 1 (sine), words 2, 3 make 2 and 3.
__device__ __forceinline__ void normals_of(const Words& words, float out[4]) {
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
        const double radius = sqrt(-2.0 * log(uniform_of(words.w[pair])));
        const double angle = 6.283185307179586 * uniform_of(words.w[pair + 1]);
        out[pair] = static_cast<float>(radius * cos(angle));
        out[pair + 1] = static_cast<float>(radius * sin(angle));
    }
}
