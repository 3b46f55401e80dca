// IEEE half precision as 16 bits, in integer arithmetic: the same code, so the same bits, on the GPU and in the tests.
// The kernels that use it move far more bytes than they compute.

#pragma once

struct Half {
    unsigned short bits;
};

__device__ __forceinline__ float to_float(float x) { return x; }

__device__ __forceinline__ float to_float(Half h) {
    const unsigned int sign = static_cast<unsigned int>(h.bits & 0x8000u) << 16;
    const unsigned int exponent = h.bits >> 10 & 31u, mantissa = h.bits & 1023u;
    if (exponent == 31u) return __uint_as_float(sign | 0x7f800000u | mantissa << 13);
    if (exponent == 0u) return copysignf(static_cast<float>(mantissa) * 5.9604644775390625e-08f, __uint_as_float(sign));
    return __uint_as_float(sign | (exponent + 112u) << 23 | mantissa << 13);
}

template <typename T> __device__ __forceinline__ T from_float(float x);

template <> __device__ __forceinline__ float from_float<float>(float x) { return x; }

// Round to nearest, ties to even; from 65520 on infinite, as IEEE 754 says.
template <> __device__ __forceinline__ Half from_float<Half>(float x) {
    const unsigned int bits = __float_as_uint(x), sign = bits >> 16 & 0x8000u;
    unsigned int size = bits & 0x7fffffffu, half;
    if (size > 0x7f800000u) {
        half = 0x7e00u;  // NaN
    } else if (size >= 0x477ff000u) {
        half = 0x7c00u;
    } else if (size < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
        half = static_cast<unsigned int>(rintf(fabsf(x) * 16777216.0f));
    } else {
        size += 0xfffu + (size >> 13 & 1u);
        half = (size - 0x38000000u) >> 13;
    }
    return {static_cast<unsigned short>(sign | half)};
}
