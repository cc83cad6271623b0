// The product loop of matrix_tile.h with bfloat16 factors and float32 sums: AVX-512's dot product of pairs, VDPBF16PS, takes two steps of the depth at once.
// Ceiling: two of them a cycle, twice the float32 rate.
#pragma once
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
} // namespace diffract

#ifdef DIFFRACT_PAIRS
#include <immintrin.h>

namespace diffract
{
// A bfloat16 that the processor rounds to. Not marked as always inlined, here and below: what calls it becomes code for this processor only where it is inlined itself.
struct Rounded
{
    uint16_t bits;
};

DIFFRACT_AVX512_BF16 inline void store(Rounded* p, const Floats16& value)
{
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    std::memcpy(p, &rounded, sizeof(rounded));
}

// Rounded and side by side: even, odd, even, ... (32 values).
DIFFRACT_AVX512_BF16 inline void store_pairs(uint16_t* p, const Floats16& even, const Floats16& odd)
{
    const __m512i order = _mm512_add_epi32(_mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0), _mm512_set1_epi32(0x10001)), _mm512_set1_epi32(0x100000));
    const __m512bh both = _mm512_cvtne2ps_pbh((__m512)odd, (__m512)even); // sixteen and sixteen
    _mm512_storeu_si512(p, _mm512_permutexvar_epi16(order, (__m512i)both));
}

// First: of the rows that pass over b; they ask for what lies further on.
template <int Rows, int Vectors, bool First>
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
    for (int64_t k = 0; k < p.depth; k += 2, a += p.a_pair, b += p.b_pair)
    {
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

// The rows from `row` on, fewer than TileRows.
template <int Vectors, bool First>
DIFFRACT_AVX512_BF16 DIFFRACT_INLINE void multiply_pair_rest(const PairProduct& p, int64_t row)
{
    const uint16_t* const a = p.a + row * p.a_row;
    float* const c = p.c + row * p.c_row;
    switch (p.rows - row)
    {
    case 1: return multiply_pair_block<1, Vectors, First>(p, a, c);
    case 2: return multiply_pair_block<2, Vectors, First>(p, a, c);
    case 3: return multiply_pair_block<3, Vectors, First>(p, a, c);
    case 4: return multiply_pair_block<4, Vectors, First>(p, a, c);
    case 5: return multiply_pair_block<5, Vectors, First>(p, a, c);
    }
}

template <int Vectors>
DIFFRACT_AVX512_BF16 DIFFRACT_INLINE void multiply_pair_rows(const PairProduct& p)
{
    if (p.rows < TileRows)
    {
        return multiply_pair_rest<Vectors, true>(p, 0);
    }
    multiply_pair_block<TileRows, Vectors, true>(p, p.a, p.c);
    int64_t row = TileRows;
    for (; row + TileRows <= p.rows; row += TileRows)
    {
        multiply_pair_block<TileRows, Vectors, false>(p, p.a + row * p.a_row, p.c + row * p.c_row);
    }
    multiply_pair_rest<Vectors, false>(p, row);
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
