// The product loop of matrix_tile.h with bfloat16 factors and float32 sums: AVX-512's dot product of pairs, VDPBF16PS, takes two steps of the depth at once.
// Ceiling: two of them a cycle, twice the float32 rate.
#pragma once
#include "vectors.h"

#ifdef DIFFRACT_PAIRS
#include <immintrin.h>

namespace diffract
{
// A bfloat16 that the processor rounds to. Not marked as always inlined: what calls it becomes code for this processor only where it is inlined itself.
struct Rounded
{
    uint16_t bits;
};

DIFFRACT_AVX512_BF16 inline void store(Rounded* p, const Floats16& value)
{
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(p, &rounded, sizeof(rounded));
}

// a[row * a_row + k], b[k / 2 * b_row + 2 * column + k % 2], c[row * c_row + column]; depth is even.
struct PairProduct
{
    const uint16_t* a;
    int64_t a_row;
    const uint16_t* b;
    int64_t b_row;
    float* c;
    int64_t c_row, rows, depth;
    bool add; // to what c holds
};

template <int Rows, int Vectors>
DIFFRACT_AVX512_BF16 DIFFRACT_INLINE void multiply_pair_block(const PairProduct& p, const uint16_t* __restrict a, float* __restrict c)
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
    for (int64_t k = 0; k < p.depth; k += 2, a += 2, b += p.b_row)
    {
        __m512i right[Vectors];
        for (int j = 0; j < Vectors; j++)
        {
            right[j] = _mm512_loadu_si512(b + j * 32);
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

template <int Vectors>
DIFFRACT_AVX512_BF16 DIFFRACT_INLINE void multiply_pair_rows(const PairProduct& p)
{
    constexpr int64_t Rows = 6;
    int64_t row = 0;
    for (; row + Rows <= p.rows; row += Rows)
    {
        multiply_pair_block<Rows, Vectors>(p, p.a + row * p.a_row, p.c + row * p.c_row);
    }
    for (; row < p.rows; row++)
    {
        multiply_pair_block<1, Vectors>(p, p.a + row * p.a_row, p.c + row * p.c_row);
    }
}

// One panel of b, up to four vectors wide.
DIFFRACT_AVX512_BF16 inline void multiply_pair_panel(const PairProduct& p, int64_t vectors)
{
    switch (vectors)
    {
    case 1: return multiply_pair_rows<1>(p);
    case 2: return multiply_pair_rows<2>(p);
    case 3: return multiply_pair_rows<3>(p);
    case 4: return multiply_pair_rows<4>(p);
    }
}
} // namespace diffract
#endif
