// What diffract::linear does with a block of rows and one panel of weights, 64 outputs wide (16 on AVX2).
#pragma once
#include "matrix_tile.h"
#include "pair_tile.h"

#include <algorithm>

#ifdef DIFFRACT_VECTORS
namespace diffract
{
constexpr int64_t LinearDepth = 256;    // of the products at a time: 64 KB of a panel, which stay in the second-level cache while all rows of a block pass
constexpr int64_t LinearRows = 16 * TileRows; // of a block, whose sums stay in the first-level cache

// A panel: to[k * width + column] = from[k * depth_step + column * column_step], zeros beyond the columns that are there.
template <typename T>
struct PanelStep
{
    const T* from;
    int64_t depth_step, column_step, depth, columns, width;
};

template <typename T>
DIFFRACT_INLINE void fill_panel(const PanelStep<T>& s, float* __restrict to)
{
    for (int64_t k = 0; k < s.depth; k++)
    {
        for (int64_t column = 0; column < s.width; column++)
        {
            to[k * s.width + column] = column < s.columns ? load(s.from + k * s.depth_step + column * s.column_step) : 0.0f;
        }
    }
}

// The same in pairs of the depth, which is even: to[k / 2 * 2 * width + 2 * column + k % 2].
DIFFRACT_INLINE void fill_pair_panel(const PanelStep<uint16_t>& s, uint16_t* __restrict to)
{
    for (int64_t k = 0; k < s.depth; k += 2)
    {
        for (int64_t column = 0; column < s.width; column++)
        {
            const uint16_t* const from = s.from + k * s.depth_step + column * s.column_step;
            to[k * s.width + 2 * column] = column < s.columns ? from[0] : 0;
            to[k * s.width + 2 * column + 1] = column < s.columns ? from[s.depth_step] : 0;
        }
    }
}

#ifdef DIFFRACT_PAIRS
// Rows of bfloat16 to float16, each scaled by a power of two, whose inverse is written; columns in multiples of 16.
DIFFRACT_AVX512 inline void scale_rows(const uint16_t* __restrict from, int64_t rows, int64_t columns, uint16_t* __restrict to, float* inverse)
{
    for (int64_t row = 0; row < rows; row++, from += columns, to += columns)
    {
        Largest largest;
        largest.see(from, columns);
        inverse[row] = largest.inverse();
        for (int64_t i = 0; i < columns; i += 16)
        {
            Floats16 value;
            load(value, from + i);
            store(reinterpret_cast<Float16*>(to + i), value * largest.scale());
        }
    }
}

// pair_rows, below, in float16 and each column scaled; columns in multiples of 16.
DIFFRACT_AVX512 inline void scale_row_pairs(const uint16_t* __restrict from, int64_t rows, int64_t columns, const float* scale, uint16_t* __restrict to)
{
    for (int64_t row = 0; row < rows; row += 2, from += 2 * columns, to += 2 * columns)
    {
        for (int64_t column = 0; column < columns; column += 16)
        {
            Floats16 even, odd = {}, times;
            load(times, scale + column);
            load(even, from + column);
            if (row + 1 < rows)
            {
                load(odd, from + columns + column);
            }
            store_pairs(reinterpret_cast<Float16*>(to + 2 * column), even * times, odd * times);
        }
    }
}
#endif

// Sums of a block of rows to results: y[row * y_row + column] = sums[row * width + column] * inverse[row] + bias[column].
template <typename T>
struct ResultStep
{
    const float* sums;
    int64_t width, rows, columns;
    const float* bias; // or null
    T* y;
    int64_t y_row;
    const float* inverse; // of each row's scale; null: none is scaled
};

template <typename V, typename T>
DIFFRACT_INLINE void write_results(const ResultStep<T>& s)
{
    for (int64_t column = 0; column < s.columns; column += Lanes<V>::count)
    {
        V bias = {};
        if (s.bias)
        {
            load(bias, s.bias + column);
        }
        for (int64_t row = 0; row < s.rows; row++)
        {
            V sum;
            load(sum, s.sums + row * s.width + column);
            store(s.y + row * s.y_row + column, sum * (s.inverse ? s.inverse[row] : 1.0f) + bias);
        }
    }
}

// Rows two by two: to[row / 2 * 2 * columns + 2 * column + row % 2]; zeros for a last one that is missing.
DIFFRACT_INLINE void pair_rows(const uint16_t* __restrict from, int64_t rows, int64_t columns, uint16_t* __restrict to)
{
    for (int64_t row = 0; row < rows; row += 2, from += 2 * columns, to += 2 * columns)
    {
        const bool two = row + 1 < rows;
        for (int64_t column = 0; column < columns; column++)
        {
            to[2 * column] = from[column];
            to[2 * column + 1] = two ? from[columns + column] : 0;
        }
    }
}
} // namespace diffract
#endif
