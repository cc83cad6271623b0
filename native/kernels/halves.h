// Sixteen floats to values of 16 bits, as the processor's own instructions round them, and functions of floats that are as exact as bfloat16 needs. What uses them is not marked as always inlined, here and
// elsewhere: what calls it becomes code for this processor only where it is inlined itself.
#pragma once
#include "vectors.h"

#ifdef DIFFRACT_VECTORS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized" // of the compiler's own header: its undefined vectors are meant
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop

namespace diffract
{
struct Bfloat16
{
    uint16_t bits;
};

struct Float16
{
    uint16_t bits;
};

DIFFRACT_AVX512 inline void store(Float16* p, const Floats16& value) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph((__m512)value, _MM_FROUND_TO_NEAREST_INT)); }

// Rounded and side by side: even, odd, even, ... (32 values).
DIFFRACT_AVX512 inline void store_pairs(Float16* p, const Floats16& even, const Floats16& odd)
{
    const __m512i low = _mm512_cvtepu16_epi32(_mm512_cvtps_ph((__m512)even, _MM_FROUND_TO_NEAREST_INT)), high = _mm512_cvtepu16_epi32(_mm512_cvtps_ph((__m512)odd, _MM_FROUND_TO_NEAREST_INT));
    _mm512_storeu_si512(p, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

// 2^t from 2^-126 on, to within 5e-6 of it: 2^n times a polynomial on [-1/2, 1/2].
DIFFRACT_AVX512 inline Floats16 power_of_two(const Floats16& exponent)
{
    const __m512 t = _mm512_max_ps(_mm512_set1_ps(-126.0f), (__m512)exponent); // in this order what is no number stays so
    const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(t, n);
    __m512 p = _mm512_set1_ps(9.6004e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.591689e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4023718e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9312199e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return (Floats16)_mm512_scalef_ps(p, n);
}

constexpr float Log2E = 1.44269504f;

// 1 / (1 + exp(-z)) to within 1e-4 of it, twenty times less than rounding to bfloat16; the reciprocal is the processor's estimate.
DIFFRACT_AVX512 inline Floats16 sigmoid_for_bfloat16(const Floats16& z) { return (Floats16)_mm512_rcp14_ps((__m512)(power_of_two(z * -Log2E) + 1.0f)); }

#ifdef DIFFRACT_PAIRS
DIFFRACT_AVX512_BF16 inline void store(Bfloat16* p, const Floats16& value)
{
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(p, &rounded, sizeof(rounded));
}

DIFFRACT_AVX512_BF16 inline void store_pairs(Bfloat16* p, const Floats16& even, const Floats16& odd)
{
    const __m512i order = _mm512_add_epi32(_mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(0x10001)), _mm512_set1_epi32(0x100000));
    const __m512bh both = _mm512_cvtne2ps_pbh((__m512)odd, (__m512)even); // sixteen and sixteen
    _mm512_storeu_si512(p, _mm512_permutexvar_epi16(order, (__m512i)both));
}
#endif
} // namespace diffract
#endif
