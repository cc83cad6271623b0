// Vectors of floats in the compiler's own notation, as wide as a kernel's instructions: what is written once with V becomes AVX-512 or AVX2 code,
// by where it is inlined. Maps may be float32 or bfloat16 (as uint16_t); arithmetic is float32.
#pragma once
#include "vector_math.h"

#include <algorithm>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DIFFRACT_VECTORS 1
#define DIFFRACT_AVX512 __attribute__((target("arch=x86-64-v4")))
#define DIFFRACT_AVX2 __attribute__((target("arch=x86-64-v3")))
#if __GNUC__ >= 11
#define DIFFRACT_PAIRS 1
#define DIFFRACT_AVX512_BF16 __attribute__((target("arch=x86-64-v4,avx512bf16")))
#endif
#if __GNUC__ >= 12
#define DIFFRACT_FLOAT16 1
#define DIFFRACT_AVX512_FP16 __attribute__((target("arch=x86-64-v4,avx512fp16")))
#endif

namespace diffract
{
typedef float Floats16 __attribute__((vector_size(64)));
typedef float Floats8 __attribute__((vector_size(32)));

template <typename V>
struct Lanes;
template <>
struct Lanes<Floats16>
{
    static constexpr int64_t count = 16;
    typedef uint32_t Words __attribute__((vector_size(64)));
    typedef uint16_t Halves __attribute__((vector_size(32)));
};
template <>
struct Lanes<Floats8>
{
    static constexpr int64_t count = 8;
    typedef uint32_t Words __attribute__((vector_size(32)));
    typedef uint16_t Halves __attribute__((vector_size(16)));
};

// By reference: a vector that is returned has no one calling convention.
template <typename V>
DIFFRACT_INLINE void load(V& value, const float* p) { std::memcpy(&value, p, sizeof(V)); }

template <typename V>
DIFFRACT_INLINE void load(V& value, const uint16_t* p)
{
    typename Lanes<V>::Halves halves;
    std::memcpy(&halves, p, sizeof(halves));
    const auto words = __builtin_convertvector(halves, typename Lanes<V>::Words) << 16;
    std::memcpy(&value, &words, sizeof(V));
}

template <typename V>
DIFFRACT_INLINE void store(float* p, const V& value) { std::memcpy(p, &value, sizeof(V)); }

template <typename V>
DIFFRACT_INLINE void store(uint16_t* p, const V& value) // to nearest, ties to even
{
    typename Lanes<V>::Words words;
    std::memcpy(&words, &value, sizeof(V));
    words = (words + 0x7fff + ((words >> 16) & 1)) >> 16;
    const auto halves = __builtin_convertvector(words, typename Lanes<V>::Halves);
    std::memcpy(p, &halves, sizeof(halves));
}

// The largest of bfloat16 values without their signs, and the power of two that brings it to at least 1 and below 2: float16 then holds them, and sums of their products.
// Infinity and what is no number do not count; values so large or small that a float32 has no inverse of them end a power of two off.
class Largest
{
public:
    static constexpr int64_t Lanes = 16;

    DIFFRACT_INLINE void see(const uint16_t* p, int64_t count) // a multiple of 16
    {
        for (int64_t i = 0; i < count; i += Lanes)
        {
            Bits bits;
            std::memcpy(&bits, p + i, sizeof(bits));
            bits &= 0x7fff;
            bits = bits < 0x7f80 ? bits : Bits{};
            _most = bits > _most ? bits : _most;
        }
    }

    // The same lane by lane: most[i] is the largest of channel i.
    static DIFFRACT_INLINE void see(const uint16_t* p, int64_t count, uint16_t* most)
    {
        for (int64_t i = 0; i < count; i += Lanes)
        {
            Largest lanes;
            std::memcpy(&lanes._most, most + i, sizeof(lanes._most));
            lanes.see(p + i, Lanes);
            std::memcpy(most + i, &lanes._most, sizeof(lanes._most));
        }
    }

    DIFFRACT_INLINE float scale() const { return scale(largest_lane()); }
    DIFFRACT_INLINE float inverse() const { return inverse(largest_lane()); }
    static DIFFRACT_INLINE float scale(uint16_t most) { return power(254 - exponent(most)); }
    static DIFFRACT_INLINE float inverse(uint16_t most) { return power(exponent(most)); }

private:
    typedef uint16_t Bits __attribute__((vector_size(32)));
    Bits _most = {};

    DIFFRACT_INLINE uint16_t largest_lane() const
    {
        uint16_t most = 0;
        for (int64_t lane = 0; lane < Lanes; lane++)
        {
            most = std::max<uint16_t>(most, _most[lane]);
        }
        return most;
    }

    static DIFFRACT_INLINE uint32_t exponent(uint16_t most) { return most == 0 ? 127 : std::min(std::max<uint32_t>(most >> 7, 1), 253u); }

    static DIFFRACT_INLINE float power(uint32_t exponent)
    {
        const uint32_t bits = exponent << 23;
        float value;
        std::memcpy(&value, &bits, 4);
        return value;
    }
};
} // namespace diffract
#endif
