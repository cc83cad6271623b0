// Attention of one head, forward and backward, over blocks of queries whose rows of scores stay in a cache. Values are kept as rows (tokens x width) where
// they are summed over tokens, and as panels (width x columns) where they are summed over the width; both are filled up with zeros to whole vectors.
#pragma once
#include "matrix_tile.h"

#include <algorithm>
#include <cmath>

#ifdef DIFFRACT_VECTORS
namespace diffract
{
// One head of one picture. Tokens lie `step` values apart in q, k, v and their gradients, `out_step` apart in out and its gradient.
template <typename T>
struct Head
{
    const T *q, *k, *v;
    int64_t step, tokens, width;
    T* out;
    const T* gradient;  // of out; null forward
    int64_t out_step;
    T *dq, *dk, *dv;    // null forward
    float* log_sums;    // of a query's exponentials: (tokens), written forward, read backward
};

constexpr int64_t QueryRows = 24; // of a block: four times TileRows

template <typename V>
struct HeadSizes
{
    static constexpr int64_t lanes = Lanes<V>::count, panel = (lanes == 16 ? 4 : 2) * lanes;
    int64_t tokens, width, rows; // width filled up; tokens of whole panels
    int64_t scores;              // of a row: a vector more, or rows would compete for the same lines of the cache

    HeadSizes(int64_t tokens, int64_t width) : tokens(tokens), width((width + lanes - 1) / lanes * lanes), rows((tokens + panel - 1) / panel * panel), scores(rows + lanes) {}

    int64_t forward() const { return QueryRows * (2 * width + scores) + rows * width * 2; }
    int64_t backward() const { return QueryRows * (3 * width + 2 * scores) + rows * width * 5; }
};

template <typename T>
DIFFRACT_INLINE void read_rows(const T* from, int64_t step, int64_t first, int64_t count, int64_t width, int64_t filled, float scale, float* __restrict to)
{
    for (int64_t row = 0; row < count; row++)
    {
        const T* const source = from + (first + row) * step;
        float* const target = to + row * filled;
        for (int64_t i = 0; i < width; i++)
        {
            target[i] = load(source + i) * scale;
        }
        for (int64_t i = width; i < filled; i++)
        {
            target[i] = 0;
        }
    }
}

template <typename T>
DIFFRACT_INLINE void write_rows(const float* from, int64_t filled, int64_t first, int64_t count, int64_t width, const float* factors, T* to, int64_t step)
{
    for (int64_t row = 0; row < count; row++)
    {
        const float factor = factors ? factors[row] : 1.0f;
        for (int64_t i = 0; i < width; i++)
        {
            store(to + (first + row) * step + i, from[row * filled + i] * factor);
        }
    }
}

// to[panel][i][column] = from[token][i].
template <typename V, typename T>
DIFFRACT_INLINE void read_panels(const T* from, int64_t step, int64_t width, const HeadSizes<V>& s, float* __restrict to)
{
    for (int64_t first = 0; first < s.rows; first += s.panel, to += s.panel * width)
    {
        for (int64_t column = 0; column < s.panel; column++)
        {
            const bool there = first + column < s.tokens;
            const T* const source = from + (first + column) * step;
            for (int64_t i = 0; i < width; i++)
            {
                to[i * s.panel + column] = there ? load(source + i) : 0.0f;
            }
        }
    }
}

// c (count x tokens) = a (count x width) times panels.
template <typename V>
DIFFRACT_INLINE void score(const float* a, const float* panels, int64_t count, int64_t width, const HeadSizes<V>& s, float* c)
{
    for (int64_t column = 0; column < s.rows; column += s.panel)
    {
        multiply_panel<V>({a, s.width, 1, panels + column * width, s.panel, c + column, s.scores, count, width, false}, s.panel / s.lanes);
    }
}

// c (rows x width) = or += a times b, b and c rows of a head.
template <typename V>
DIFFRACT_INLINE void gather(const float* a, int64_t a_row, int64_t a_depth, const float* b, float* c, int64_t rows, int64_t depth, const HeadSizes<V>& s, bool add)
{
    for (int64_t column = 0; column < s.width; column += s.panel)
    {
        multiply_panel<V>({a, a_row, a_depth, b + column, s.width, c + column, s.width, rows, depth, add}, std::min(s.panel, s.width - column) / s.lanes);
    }
}

// Rows of scores, beyond the tokens too: exp(scale x - shift) in place; their sum.
template <typename V>
DIFFRACT_INLINE float exponentials(float* __restrict row, float scale, float shift, const HeadSizes<V>& s)
{
    for (int64_t i = 0; i < s.rows; i++)
    {
        row[i] = exponential(row[i] * scale - shift);
    }
    for (int64_t i = s.tokens; i < s.rows; i++)
    {
        row[i] = 0;
    }
    V sum = {};
    for (int64_t i = 0; i < s.rows; i += s.lanes)
    {
        V value;
        load(value, row + i);
        sum += value;
    }
    float total = 0;
    for (int64_t i = 0; i < s.lanes; i++)
    {
        total += sum[i];
    }
    return total;
}

template <typename V>
DIFFRACT_INLINE float largest(const float* row, const HeadSizes<V>& s)
{
    float most = row[0];
    int64_t i = 0;
    if (s.tokens >= s.lanes)
    {
        V best;
        load(best, row);
        for (i = s.lanes; i + s.lanes <= s.tokens; i += s.lanes)
        {
            V value;
            load(value, row + i);
            best = value > best ? value : best;
        }
        for (int64_t lane = 0; lane < s.lanes; lane++)
        {
            most = std::max(most, float(best[lane]));
        }
    }
    for (; i < s.tokens; i++)
    {
        most = std::max(most, row[i]);
    }
    return most;
}

// out = softmax(q k^T / sqrt(width)) v.
template <typename V, typename T>
DIFFRACT_INLINE void attend(const Head<T>& h, float* scratch)
{
    const HeadSizes<V> s(h.tokens, h.width);
    const float scale = 1 / std::sqrt(float(h.width));
    float *const q = scratch, *const out = q + QueryRows * s.width, *const scores = out + QueryRows * s.width, *const k = scores + QueryRows * s.scores, *const v = k + s.rows * s.width;
    read_panels<V>(h.k, h.step, h.width, s, k);
    read_rows(h.v, h.step, 0, h.tokens, h.width, s.width, 1.0f, v);
    for (int64_t first = 0; first < h.tokens; first += QueryRows)
    {
        const int64_t count = std::min(QueryRows, h.tokens - first);
        read_rows(h.q, h.step, first, count, h.width, s.width, scale, q);
        score<V>(q, k, count, h.width, s, scores);
        float inverse[QueryRows];
        for (int64_t row = 0; row < count; row++)
        {
            const float most = largest<V>(scores + row * s.scores, s), sum = exponentials<V>(scores + row * s.scores, 1.0f, most, s);
            inverse[row] = 1 / sum;
            h.log_sums[first + row] = most + std::log(sum);
        }
        gather<V>(scores, s.scores, 1, v, out, count, h.tokens, s, false);
        write_rows(out, s.width, first, count, h.width, inverse, h.out, h.out_step);
    }
}

// With p = softmax(z), z = q k^T / sqrt(width):  dv = p^T dout,  dz = p (dout v^T - sum of p times that),  dq = dz k / sqrt(width),  dk = dz^T q / sqrt(width).
template <typename V, typename T>
DIFFRACT_INLINE void attend_back(const Head<T>& h, float* scratch)
{
    const HeadSizes<V> s(h.tokens, h.width);
    const float scale = 1 / std::sqrt(float(h.width));
    float *const q = scratch, *const gradient = q + QueryRows * s.width, *const dq = gradient + QueryRows * s.width, *const p = dq + QueryRows * s.width, *const dp = p + QueryRows * s.scores,
        *const k = dp + QueryRows * s.scores, *const v = k + s.rows * s.width, *const k_rows = v + s.rows * s.width, *const dk = k_rows + s.rows * s.width, *const dv = dk + s.rows * s.width;
    read_panels<V>(h.k, h.step, h.width, s, k);
    read_panels<V>(h.v, h.step, h.width, s, v);
    read_rows(h.k, h.step, 0, h.tokens, h.width, s.width, scale, k_rows);
    std::fill(dk, dk + h.tokens * s.width, 0.0f);
    std::fill(dv, dv + h.tokens * s.width, 0.0f);
    for (int64_t first = 0; first < h.tokens; first += QueryRows)
    {
        const int64_t count = std::min(QueryRows, h.tokens - first);
        read_rows(h.q, h.step, first, count, h.width, s.width, scale, q);
        read_rows(h.gradient, h.out_step, first, count, h.width, s.width, 1.0f, gradient);
        score<V>(q, k, count, h.width, s, p);
        score<V>(gradient, v, count, h.width, s, dp);
        for (int64_t row = 0; row < count; row++)
        {
            float *const weights = p + row * s.scores, *const changes = dp + row * s.scores;
            exponentials<V>(weights, 1.0f, h.log_sums[first + row], s);
            V sum = {};
            for (int64_t i = 0; i < s.rows; i += s.lanes)
            {
                V weight, change;
                load(weight, weights + i);
                load(change, changes + i);
                sum += weight * change;
            }
            float mean = 0;
            for (int64_t lane = 0; lane < s.lanes; lane++)
            {
                mean += sum[lane];
            }
            for (int64_t i = 0; i < s.rows; i++)
            {
                changes[i] = weights[i] * (changes[i] - mean);
            }
        }
        gather<V>(p, 1, s.scores, gradient, dv, h.tokens, count, s, true);
        gather<V>(dp, 1, s.scores, q, dk, h.tokens, count, s, true);
        gather<V>(dp, s.scores, 1, k_rows, dq, count, h.tokens, s, false);
        write_rows(dq, s.width, first, count, h.width, nullptr, h.dq, h.step);
    }
    write_rows(dk, s.width, 0, h.tokens, h.width, nullptr, h.dk, h.step);
    write_rows(dv, s.width, 0, h.tokens, h.width, nullptr, h.dv, h.step);
}
} // namespace diffract
#endif
