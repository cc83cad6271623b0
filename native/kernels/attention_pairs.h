// Attention of one head with bfloat16 factors in all products (pair_tile.h). Queries, keys, values and the result's gradient are bfloat16 already, so only the softmax's weights
// and, going back, the scores' gradients are rounded. Scores and sums are float32.
#pragma once
#include "attention_steps.h"
#include "products.h"

#ifdef DIFFRACT_PAIRS
namespace diffract
{
// to[panel][i / 2][column][i % 2] = from[token][i]: two neighbours at a time. width is even.
DIFFRACT_INLINE void read_key_pairs(const uint16_t* from, int64_t step, const HeadSizes<Floats16>& s, int64_t width, uint16_t* __restrict to)
{
    for (int64_t first = 0; first < s.rows; first += s.panel, to += s.panel * width)
    {
        for (int64_t column = 0; column < s.panel; column++)
        {
            for (int64_t i = 0; i < width; i += 2)
            {
                uint32_t pair = 0;
                if (first + column < s.tokens)
                {
                    std::memcpy(&pair, from + (first + column) * step + i, sizeof(pair));
                }
                std::memcpy(to + i * s.panel + 2 * column, &pair, sizeof(pair));
            }
        }
    }
}

// to[row / 2][i][row % 2] = from[row][i], zeros for a last row that is missing and beyond the width.
DIFFRACT_AVX512 inline void read_row_pairs(const uint16_t* from, int64_t step, int64_t count, int64_t width, int64_t filled, uint16_t* to)
{
    for (int64_t row = 0; row < count; row += 2, from += 2 * step, to += 2 * filled)
    {
        for (int64_t i = 0; i < filled; i += 16)
        {
            const auto there = static_cast<__mmask16>((1u << std::clamp<int64_t>(width - i, 0, 16)) - 1);
            const __m512i even = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from + i)), odd = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(row + 1 < count ? there : 0, from + step + i));
            _mm512_storeu_si512(to + 2 * i, _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
        }
    }
}

// to[row][i] = from[row][i] times the row's factor, rounded.
DIFFRACT_AVX512_BF16 inline void round_rows(const float* from, int64_t filled, int64_t count, int64_t width, const float* factors, uint16_t* to, int64_t step)
{
    for (int64_t row = 0; row < count; row++)
    {
        for (int64_t i = 0; i < width; i += 16)
        {
            Floats16 value;
            load(value, from + row * filled + i);
            const __m256bh rounded = _mm512_cvtneps_pbh((__m512)(factors ? value * factors[row] : value));
            _mm256_mask_storeu_epi16(to + row * step + i, static_cast<__mmask16>((1u << std::min<int64_t>(width - i, 16)) - 1), (__m256i)rounded);
        }
    }
}

// c (count x tokens) = rows of a head times keys.
inline void score_pairs(const uint16_t* a, int64_t step, const uint16_t* keys, int64_t count, int64_t width, const HeadSizes<Floats16>& s, float* c)
{
    for (int64_t column = 0; column < s.rows; column += s.panel)
    {
        multiply_bfloat16(PairProduct{a, step, 2, keys + column * width, 2 * s.panel, c + column, s.scores, count, width, false}, s.panel / s.lanes);
    }
}

// c (rows x width) = or += a times pairs of rows of a head.
inline void gather_pairs(const uint16_t* a, int64_t a_row, int64_t a_pair, const uint16_t* pairs, float* c, int64_t rows, int64_t depth, const HeadSizes<Floats16>& s, bool add)
{
    for (int64_t column = 0; column < s.width; column += s.panel)
    {
        multiply_bfloat16(PairProduct{a, a_row, a_pair, pairs + 2 * column, 2 * s.width, c + column, s.width, rows, depth, add}, std::min(s.panel, s.width - column) / s.lanes);
    }
}

inline int64_t even(int64_t count) { return (count + 1) / 2 * 2; }

// exp(scale * scores[i] - shift), zeros beyond the tokens. 2^-126 stands for whatever is smaller.
DIFFRACT_AVX512 inline Floats16 weights_at(int64_t i, const float* scores, float scale, float shift, const HeadSizes<Floats16>& s)
{
    Floats16 value;
    load(value, scores + i);
    value = power_of_two(value * (scale * Log2E) - shift * Log2E);
    return i + s.lanes <= s.tokens ? value : (Floats16)_mm512_maskz_mov_ps(static_cast<__mmask16>((1u << std::max<int64_t>(s.tokens - i, 0)) - 1), (__m512)value);
}

// weights[i] = weights_at(i); their sum before they are rounded.
DIFFRACT_AVX512_BF16 inline float weigh(const float* scores, float scale, float shift, const HeadSizes<Floats16>& s, uint16_t* weights)
{
    Floats16 sum = {};
    for (int64_t i = 0; i < s.rows; i += s.lanes)
    {
        const Floats16 value = weights_at(i, scores, scale, shift, s);
        sum += value;
        store(reinterpret_cast<Bfloat16*>(weights + i), value);
    }
    return _mm512_reduce_add_ps((__m512)sum);
}

// out = softmax(q k^T / sqrt(width)) v; width is even. Takes less scratch than HeadSizes::forward().
DIFFRACT_AVX512_BF16 inline void attend_pairs(const Head<uint16_t>& h, float* scratch)
{
    const HeadSizes<Floats16> s(h.tokens, h.width);
    const float scale = 1 / std::sqrt(float(h.width));
    float *const scores = scratch, *const out = scores + QueryRows * s.scores;
    uint16_t *const weights = reinterpret_cast<uint16_t*>(out + QueryRows * s.width), *const k = weights + QueryRows * s.rows, *const v = k + s.rows * s.width;
    read_key_pairs(h.k, h.step, s, h.width, k);
    read_row_pairs(h.v, h.step, h.tokens, h.width, s.width, v);
    for (int64_t first = 0; first < h.tokens; first += QueryRows)
    {
        const int64_t count = std::min(QueryRows, h.tokens - first);
        score_pairs(h.q + first * h.step, h.step, k, count, h.width, s, scores);
        float inverse[QueryRows];
        for (int64_t row = 0; row < count; row++)
        {
            const float* const values = scores + row * s.scores;
            const float most = scale * largest<Floats16>(values, s), sum = weigh(values, scale, most, s, weights + row * s.rows);
            inverse[row] = 1 / sum;
            h.log_sums[first + row] = most + std::log(sum);
        }
        gather_pairs(weights, s.rows, 2, v, out, count, even(h.tokens), s, false);
        round_rows(out, s.width, count, h.width, inverse, h.out + first * h.out_step, h.out_step);
    }
}

// Going back: queries at a time, so that sums over them are read and written less often; their scores are still in a cache.
constexpr int64_t BackRows = 48;

inline int64_t back_scratch(const HeadSizes<Floats16>& s) // float32 values
{
    return BackRows * (2 * s.scores + s.width) + 2 * s.rows * s.width + (3 * s.rows * s.width + BackRows * (2 * s.width + 3 * s.rows)) / 2;
}

// As attend_back; width is even.
DIFFRACT_AVX512_BF16 inline void attend_back_pairs(const Head<uint16_t>& h, float* scratch)
{
    const HeadSizes<Floats16> s(h.tokens, h.width);
    const float scale = 1 / std::sqrt(float(h.width));
    float *const p = scratch, *const dp = p + BackRows * s.scores, *const dq = dp + BackRows * s.scores, *const dk = dq + BackRows * s.width, *const dv = dk + s.rows * s.width;
    uint16_t *const k = reinterpret_cast<uint16_t*>(dv + s.rows * s.width), *const v = k + s.rows * s.width, *const k_rows = v + s.rows * s.width, *const q = k_rows + s.rows * s.width, *const gradient = q + BackRows * s.width,
        *const changes = gradient + BackRows * s.width, *const change_pairs = changes + BackRows * s.rows, *const weight_pairs = change_pairs + BackRows * s.rows;
    read_key_pairs(h.k, h.step, s, h.width, k);
    read_key_pairs(h.v, h.step, s, h.width, v);
    read_row_pairs(h.k, h.step, h.tokens, h.width, s.width, k_rows);
    for (int64_t first = 0; first < h.tokens; first += BackRows)
    {
        const int64_t count = std::min(BackRows, h.tokens - first);
        const uint16_t *const queries = h.q + first * h.step, *const gradients = h.gradient + first * h.out_step;
        read_row_pairs(queries, h.step, count, h.width, s.width, q);
        read_row_pairs(gradients, h.out_step, count, h.width, s.width, gradient);
        score_pairs(queries, h.step, k, count, h.width, s, p);
        score_pairs(gradients, h.out_step, v, count, h.width, s, dp);
        for (int64_t row = 0; row < count; row += 2)
        {
            const bool both = row + 1 < count;
            float means[2] = {};
            for (int64_t at = 0; at <= both; at++)
            {
                float *const weights = p + (row + at) * s.scores, *const changed = dp + (row + at) * s.scores;
                Floats16 sum = {};
                for (int64_t i = 0; i < s.rows; i += s.lanes)
                {
                    const Floats16 weight = weights_at(i, weights, scale, h.log_sums[first + row + at], s);
                    Floats16 change;
                    load(change, changed + i);
                    sum += weight * change;
                    store(weights + i, weight);
                }
                means[at] = _mm512_reduce_add_ps((__m512)sum);
            }
            for (int64_t i = 0; i < s.rows; i += s.lanes)
            {
                Floats16 weight[2] = {}, change[2] = {};
                for (int64_t at = 0; at <= both; at++)
                {
                    load(weight[at], p + (row + at) * s.scores + i);
                    load(change[at], dp + (row + at) * s.scores + i);
                    change[at] = weight[at] * (change[at] - means[at]) * scale;
                    store(reinterpret_cast<Bfloat16*>(changes + (row + at) * s.rows + i), change[at]);
                }
                store_pairs(reinterpret_cast<Bfloat16*>(weight_pairs + row * s.rows + 2 * i), weight[0], weight[1]);
                store_pairs(reinterpret_cast<Bfloat16*>(change_pairs + row * s.rows + 2 * i), change[0], change[1]);
            }
        }
        gather_pairs(weight_pairs, 2, 2 * s.rows, gradient, dv, h.tokens, even(count), s, first > 0);
        gather_pairs(change_pairs, 2, 2 * s.rows, q, dk, h.tokens, even(count), s, first > 0);
        gather_pairs(changes, s.rows, 2, k_rows, dq, count, even(h.tokens), s, false);
        round_rows(dq, s.width, count, h.width, nullptr, h.dq + first * h.step, h.step);
    }
    round_rows(dk, s.width, h.tokens, h.width, nullptr, h.dk, h.step);
    round_rows(dv, s.width, h.tokens, h.width, nullptr, h.dv, h.step);
}
} // namespace diffract
#endif
