// The two passes of group_norm_silu.cpp that go forward, for whole vectors of channels.
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
// Sums of x - pivot and its square over some rows, for `Vectors` vectors of channels, which stay in registers.
template <typename V, int Vectors, typename T>
DIFFRACT_INLINE void sum_vectors(const T* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares)
{
    constexpr int64_t lanes = Lanes<V>::count;
    V middle[Vectors], sums[Vectors] = {}, products[Vectors] = {};
    for (int j = 0; j < Vectors; j++)
    {
        load(middle[j], pivot + j * lanes);
    }
    for (int64_t row = 0; row < rows; row++, x += c)
    {
        for (int j = 0; j < Vectors; j++)
        {
            V value;
            load(value, x + j * lanes);
            value -= middle[j];
            sums[j] += value;
            products[j] += value * value;
        }
    }
    for (int j = 0; j < Vectors; j++)
    {
        store(sum + j * lanes, sums[j]);
        store(squares + j * lanes, products[j]);
    }
}

template <typename V, typename T>
DIFFRACT_INLINE void sum_whole(const T* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares)
{
    constexpr int64_t lanes = Lanes<V>::count, most = 4;
    int64_t i = 0;
    for (; i + most * lanes <= c; i += most * lanes)
    {
        sum_vectors<V, most>(x + i, rows, c, pivot + i, sum + i, squares + i);
    }
    for (; i < c; i += lanes)
    {
        sum_vectors<V, 1>(x + i, rows, c, pivot + i, sum + i, squares + i);
    }
}

// silu(z) to within 1e-4 of it, twenty times less than rounding to bfloat16: 2^n times a polynomial on [-1/2, 1/2], and the processor's estimate of the reciprocal.
DIFFRACT_AVX512 inline __m512 silu_for_bfloat16(__m512 z)
{
    const __m512 t = _mm512_max_ps(_mm512_mul_ps(z, _mm512_set1_ps(-1.44269504f)), _mm512_set1_ps(-126.0f));
    const __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), r = _mm512_sub_ps(t, n);
    __m512 p = _mm512_set1_ps(9.6004e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.591689e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.4023718e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.9312199e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    const __m512 sigmoid = _mm512_rcp14_ps(_mm512_add_ps(_mm512_scalef_ps(p, n), _mm512_set1_ps(1.0f)));
    return _mm512_mul_ps(z, sigmoid);
}

// y = silu((x - mean) * factor + offset), bfloat16.
DIFFRACT_AVX512 inline void silu_whole(const uint16_t* x, uint16_t* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean)
{
    for (int64_t row = 0; row < rows; row++, x += c, y += c)
    {
        for (int64_t i = 0; i < c; i += 16)
        {
            Floats16 value, middle, times, plus;
            load(value, x + i);
            load(middle, mean + i);
            load(times, factor + i);
            load(plus, offset + i);
            store(y + i, (Floats16)silu_for_bfloat16((__m512)((value - middle) * times + plus)));
        }
    }
}
} // namespace diffract
#endif
