// The loop that the convolutions' products run in: c (rows x width) = or += a (rows x depth) times b (depth x width), float32, six rows by up to four
// vectors at a time, in registers. Ceiling: two multiply-adds of a vector a cycle; seen: 97 % of it (AVX-512, Zen 5, depth 256, factors in the caches).
#pragma once
#include "vectors.h"

#ifdef DIFFRACT_VECTORS
namespace diffract
{
constexpr int64_t TileRows = 6; // with four vectors: 24 sums, 4 vectors of b, 1 scalar of a, of 32 registers
constexpr int64_t CacheLine = 64;       // bytes
constexpr int64_t BytesAhead = 8 << 10; // what the first rows that pass over b ask for: the processor's own prefetching does not see past a page

// Where the factors are: a[row * a_row + k * a_depth], b[k * b_row + column], c[row * c_row + column].
struct Product
{
    const float* a;
    int64_t a_row, a_depth;
    const float* b;
    int64_t b_row;
    float* c;
    int64_t c_row, rows, depth;
    bool add; // to what c holds
};

template <typename V, int Rows, int Vectors, bool First>
DIFFRACT_INLINE void multiply_block(const Product& p, const float* __restrict a, float* __restrict c, const char* next)
{
    constexpr int64_t lanes = Lanes<V>::count;
    V sum[Rows][Vectors] = {};
    if (p.add)
    {
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                load(sum[i][j], c + i * p.c_row + j * lanes);
            }
        }
    }
    const float* __restrict b = p.b;
    for (int64_t k = 0; k < p.depth; k++, a += p.a_depth, b += p.b_row, next += CacheLine)
    {
        __builtin_prefetch(next, 0, 2);
        V right[Vectors];
        for (int j = 0; j < Vectors; j++)
        {
            load(right[j], b + j * lanes);
            if (First)
            {
                __builtin_prefetch(reinterpret_cast<const char*>(b + j * lanes) + BytesAhead);
            }
        }
        for (int i = 0; i < Rows; i++)
        {
            for (int j = 0; j < Vectors; j++)
            {
                sum[i][j] += a[i * p.a_row] * right[j];
            }
        }
    }
    for (int i = 0; i < Rows; i++)
    {
        for (int j = 0; j < Vectors; j++)
        {
            store(c + i * p.c_row + j * lanes, sum[i][j]);
        }
    }
}

template <typename V>
struct FloatLoop
{
    static constexpr int most = Lanes<V>::count == 16 ? 4 : 2; // vectors of a panel

    template <int Rows, int Vectors, bool First>
    static DIFFRACT_INLINE void block(const Product& p, const float* a, float* c, const char* next) { multiply_block<V, Rows, Vectors, First>(p, a, c, next); }
};

// The steps of a depth, and where the panel after this one lies where panels lie one after the other; elsewhere it asks for lines that nobody needs.
inline int64_t steps_of(const Product& p) { return p.depth; }
inline const char* panel_after(const Product& p) { return reinterpret_cast<const char*>(p.b + p.depth * p.b_row); }

// The rows from `row` on, fewer than TileRows. First: of the rows that pass over b; they ask for what lies further on.
template <typename Loop, int Vectors, bool First, typename P>
DIFFRACT_INLINE void multiply_rest(const P& p, int64_t row, const char* next)
{
    const auto* const a = p.a + row * p.a_row;
    float* const c = p.c + row * p.c_row;
    switch (p.rows - row)
    {
    case 1: return Loop::template block<1, Vectors, First>(p, a, c, next);
    case 2: return Loop::template block<2, Vectors, First>(p, a, c, next);
    case 3: return Loop::template block<3, Vectors, First>(p, a, c, next);
    case 4: return Loop::template block<4, Vectors, First>(p, a, c, next);
    case 5: return Loop::template block<5, Vectors, First>(p, a, c, next);
    }
}

template <typename Loop, int Vectors, typename P>
DIFFRACT_INLINE void multiply_rows(const P& p)
{
    const char* const after = panel_after(p);
    if (p.rows < TileRows)
    {
        return multiply_rest<Loop, Vectors, true>(p, 0, after);
    }
    Loop::template block<TileRows, Vectors, true>(p, p.a, p.c, after);
    int64_t row = TileRows;
    const auto next = [&] { return after + std::min<int64_t>(row / TileRows, 3) * steps_of(p) * CacheLine; };
    for (; row + TileRows <= p.rows; row += TileRows)
    {
        Loop::template block<TileRows, Vectors, false>(p, p.a + row * p.a_row, p.c + row * p.c_row, next());
    }
    multiply_rest<Loop, Vectors, false>(p, row, next());
}

// One panel of b, `vectors` wide, up to Loop::most.
template <typename Loop, typename P>
DIFFRACT_INLINE void multiply_by_panel(const P& p, int64_t vectors)
{
    switch (vectors)
    {
    case 1: return multiply_rows<Loop, 1>(p);
    case 2: return multiply_rows<Loop, 2>(p);
    case 3: return multiply_rows<Loop, Loop::most == 4 ? 3 : 1>(p);
    case 4: return multiply_rows<Loop, Loop::most == 4 ? 4 : 1>(p);
    }
}

template <typename V>
DIFFRACT_INLINE void multiply_panel(const Product& p, int64_t vectors) { multiply_by_panel<FloatLoop<V>>(p, vectors); }
} // namespace diffract
#endif
