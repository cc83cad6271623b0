// Small pieces that the compiler turns into vector code, for any instruction set that a kernel is cloned for.
#pragma once
#include <cstdint>
#include <cstring>

// One copy of a function for each kind of processor, the best chosen when the library is loaded.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DIFFRACT_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define DIFFRACT_CLONES
#endif
#define DIFFRACT_INLINE inline __attribute__((always_inline))

namespace diffract
{
DIFFRACT_INLINE float load(const float* p) { return *p; }

DIFFRACT_INLINE float load(const uint16_t* p) // bfloat16
{
    uint32_t bits = static_cast<uint32_t>(*p) << 16;
    float value;
    std::memcpy(&value, &bits, 4);
    return value;
}

DIFFRACT_INLINE void store(float* p, float value) { *p = value; }

DIFFRACT_INLINE void store(uint16_t* p, float value) // to nearest, ties to even
{
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    *p = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

// exp(x) for |x| <= 87, relative error below 2e-7: 2^n times a polynomial on [-ln2/2, ln2/2].
DIFFRACT_INLINE float exponential(float x)
{
    x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
    float shifted = x * 1.44269504f + 12582912.0f; // 1.5 * 2^23: the sum's low bits are the nearest integer
    float n = shifted - 12582912.0f;
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = (p * r) * r + r + 1.0f;
    int32_t bits;
    std::memcpy(&bits, &p, 4);
    bits += static_cast<int32_t>(n) << 23;
    float result;
    std::memcpy(&result, &bits, 4);
    return result;
}

DIFFRACT_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }
} // namespace diffract
