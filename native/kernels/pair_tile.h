// The product loop of matrix_tile.h with factors of 16 bits, two steps of the depth side by side in 32. Ceilings, in multiples of the float32 rate, as measured on one AMD and one Intel processor:
//
//     bfloat16 factors, float32 sums   VDPBF16PS     2 on Zen 5, 0.5 on a Xeon (family 6, model 207)
//     float16 factors and sums         VFMADDPH      2 on that Xeon; Zen 5 has none
//
// Sums of float16 keep 11 bits, so they are short: each takes every second product of a depth of up to 256, and is then added to a float32. Random sums of that depth
// are off by 1.7e-3, as much as a result loses when it is rounded to bfloat16.
#pragma once
#include "halves.h"
#include "matrix_tile.h"

namespace diffract
{
// Two steps of the depth lie side by side: a[row * a_row + k / 2 * a_pair + k % 2], b[k / 2 * b_pair + 2 * column + k % 2], c[row * c_row + column]; depth is even.
struct PairProduct
{
    const uint16_t* a;
    int64_t a_row, a_pair;
    const uint16_t* b;
    int64_t b_pair;
    float* c;
    int64_t c_row, rows, depth;
    bool add; // to what c holds
};

inline int64_t steps_of(const PairProduct& p) { return p.depth / 2; }
inline const char* panel_after(const PairProduct& p) { return reinterpret_cast<const char*>(p.b + p.depth / 2 * p.b_pair); }
} // namespace diffract

#ifdef DIFFRACT_PAIRS
namespace diffract
{
struct Bfloat16Loop
{
    static constexpr int most = 4;

    template <int Rows, int Vectors, bool First>
    DIFFRACT_AVX512_BF16 static void block(const PairProduct& p, const uint16_t* __restrict a, float* __restrict c, const char* next)
    {
        __m512 sum[Rows][Vectors];
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                sum[i][j] = p.add ? _mm512_loadu_ps(c + i * p.c_row + j * 16) : _mm512_setzero_ps();
            }
        }
        const uint16_t* __restrict b = p.b;
        for (int64_t k = 0; k < p.depth; k += 2, a += p.a_pair, b += p.b_pair, next += CacheLine)
        {
            _mm_prefetch(next, _MM_HINT_T1);
            __m512i right[Vectors];
            for (int j = 0; j < Vectors; j++)
            {
                right[j] = _mm512_loadu_si512(b + j * 32);
                if (First)
                {
                    _mm_prefetch(reinterpret_cast<const char*>(b + j * 32) + BytesAhead, _MM_HINT_T0);
                }
            }
            for (int i = 0; i < Rows; i++)
            {
                int32_t pair;
                std::memcpy(&pair, a + i * p.a_row, 4);
                const __m512i left = _mm512_set1_epi32(pair);
                for (int j = 0; j < Vectors; j++)
                {
                    sum[i][j] = _mm512_dpbf16_ps(sum[i][j], (__m512bh)left, (__m512bh)right[j]);
                }
            }
        }
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                _mm512_storeu_ps(c + i * p.c_row + j * 16, sum[i][j]);
            }
        }
    }
};
} // namespace diffract
#endif

#ifdef DIFFRACT_FLOAT16
namespace diffract
{
struct Float16Loop
{
    static constexpr int most = 4;

    template <int Rows, int Vectors, bool First>
    DIFFRACT_AVX512_FP16 static void block(const PairProduct& p, const uint16_t* __restrict a, float* __restrict c, const char* next)
    {
        __m512h sum[Rows][Vectors];
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                sum[i][j] = _mm512_setzero_ph();
            }
        }
        const uint16_t* __restrict b = p.b;
        for (int64_t k = 0; k < p.depth; k += 2, a += p.a_pair, b += p.b_pair, next += CacheLine)
        {
            _mm_prefetch(next, _MM_HINT_T1);
            __m512h right[Vectors];
            for (int j = 0; j < Vectors; j++)
            {
                right[j] = _mm512_loadu_ph(b + j * 32);
                if (First)
                {
                    _mm_prefetch(reinterpret_cast<const char*>(b + j * 32) + BytesAhead, _MM_HINT_T0);
                }
            }
            for (int i = 0; i < Rows; i++)
            {
                int32_t pair;
                std::memcpy(&pair, a + i * p.a_row, 4);
                const __m512h left = _mm512_castsi512_ph(_mm512_set1_epi32(pair));
                for (int j = 0; j < Vectors; j++)
                {
                    sum[i][j] = _mm512_fmadd_ph(left, right[j], sum[i][j]);
                }
            }
        }
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                const __m512h turned = _mm512_castsi512_ph(_mm512_ror_epi32(_mm512_castph_si512(sum[i][j]), 16)), both = _mm512_add_ph(sum[i][j], turned); // even and odd steps
                const __m512 total = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_castph_si512(both)));
                float* const to = c + i * p.c_row + j * 16;
                _mm512_storeu_ps(to, p.add ? _mm512_add_ps(total, _mm512_loadu_ps(to)) : total);
            }
        }
    }
};
} // namespace diffract
#endif
