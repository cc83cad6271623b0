// Attention of one head, forward, with bfloat16 factors in both products (pair_tile.h). Queries, keys and values are bfloat16 already, so only the softmax's weights are
// rounded. Scores and sums are float32.
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

// to[token / 2][i][token % 2] = from[token][i], zeros beyond the tokens and the width.
DIFFRACT_INLINE void read_value_pairs(const uint16_t* from, int64_t step, const HeadSizes<Floats16>& s, int64_t width, uint16_t* __restrict to)
{
    std::fill(to, to + s.rows * s.width, uint16_t{0});
    for (int64_t token = 0; token < s.tokens; token++)
    {
        uint16_t* const target = to + token / 2 * 2 * s.width + token % 2;
        for (int64_t i = 0; i < width; i++)
        {
            target[2 * i] = from[token * step + i];
        }
    }
}

// weights[i] = exp(scale * scores[i] - shift), zeros beyond the tokens; their sum before they are rounded. 2^-126 stands for whatever is smaller.
DIFFRACT_AVX512_BF16 inline float weigh(const float* scores, float scale, float shift, const HeadSizes<Floats16>& s, uint16_t* weights)
{
    Floats16 sum = {};
    for (int64_t i = 0; i < s.rows; i += s.lanes)
    {
        Floats16 value;
        load(value, scores + i);
        value = power_of_two(value * (scale * Log2E) - shift * Log2E);
        if (i + s.lanes > s.tokens)
        {
            value = (Floats16)_mm512_maskz_mov_ps(static_cast<__mmask16>((1u << std::max<int64_t>(s.tokens - i, 0)) - 1), (__m512)value);
        }
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
    read_value_pairs(h.v, h.step, s, h.width, v);
    for (int64_t first = 0; first < h.tokens; first += QueryRows)
    {
        const int64_t count = std::min(QueryRows, h.tokens - first);
        for (int64_t column = 0; column < s.rows; column += s.panel)
        {
            multiply_bfloat16(PairProduct{h.q + first * h.step, h.step, 2, k + column * h.width, 2 * s.panel, scores + column, s.scores, count, h.width, false}, s.panel / s.lanes);
        }
        float inverse[QueryRows];
        for (int64_t row = 0; row < count; row++)
        {
            const float* const values = scores + row * s.scores;
            const float most = scale * largest<Floats16>(values, s), sum = weigh(values, scale, most, s, weights + row * s.rows);
            inverse[row] = 1 / sum;
            h.log_sums[first + row] = most + std::log(sum);
        }
        for (int64_t column = 0; column < s.width; column += s.panel)
        {
            multiply_bfloat16(PairProduct{weights, s.rows, 2, v + 2 * column, 2 * s.width, out + column, s.width, count, (h.tokens + 1) / 2 * 2, false}, std::min(s.panel, s.width - column) / s.lanes);
        }
        write_rows(out, s.width, first, count, h.width, inverse, h.out, h.out_step);
    }
}
} // namespace diffract
#endif
