// What Winograd's convolution does with one tile of a map and one vector of channels; winograd.h has the formula.
#pragma once
#include "matrix_tile.h"

#ifdef DIFFRACT_VECTORS
namespace diffract
{
constexpr float PointA = 0.625f, PointB = 1.5f, A2 = PointA * PointA, B2 = PointB * PointB;
constexpr int64_t TileIn = 6, TileOut = 4, Points = TileIn * TileIn;

// A map in channels-last memory, cut into 4x4 tiles; those at its right and lower rim may hang over.
struct Tiles
{
    int64_t n, h, w, c;
    int64_t down() const { return (h + TileOut - 1) / TileOut; }
    int64_t across() const { return (w + TileOut - 1) / TileOut; }
    int64_t count() const { return n * down() * across(); }
};

// Bt d times a scale: six values of a row or column.
template <typename V, typename S = float>
DIFFRACT_INLINE void input_transform(const V* d, int64_t step, V* t, const S& scale = 1)
{
    const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = scale * d[4 * step], d5 = scale * d[5 * step];
    const V even_a = d4 - scale * B2 * d2, odd_a = scale * PointA * (d3 - B2 * d1), even_b = d4 - scale * A2 * d2, odd_b = scale * PointB * (d3 - A2 * d1);
    t[0] = scale * A2 * B2 * d0 - scale * (A2 + B2) * d2 + d4;
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = scale * A2 * B2 * d1 - scale * (A2 + B2) * d3 + d5;
}

// At m: six values to four.
template <typename V>
DIFFRACT_INLINE void output_transform(const V* m, int64_t step, V* y)
{
    const V sum_a = m[step] + m[2 * step], difference_a = m[step] - m[2 * step], sum_b = m[3 * step] + m[4 * step], difference_b = m[3 * step] - m[4 * step];
    y[0] = m[0] + sum_a + sum_b;
    y[1] = PointA * difference_a + PointB * difference_b;
    y[2] = A2 * sum_a + B2 * sum_b;
    y[3] = A2 * PointA * difference_a + B2 * PointB * difference_b + m[5 * step];
}

// A y: four values to six, the transpose of output_transform.
template <typename V>
DIFFRACT_INLINE void spread_transform(const V* y, int64_t step, V* t)
{
    const V y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
    const V even_a = y0 + A2 * y2, odd_a = PointA * (y1 + A2 * y3), even_b = y0 + B2 * y2, odd_b = PointB * (y1 + B2 * y3);
    t[0] = y0;
    t[1] = even_a + odd_a;
    t[2] = even_a - odd_a;
    t[3] = even_b + odd_b;
    t[4] = even_b - odd_b;
    t[5] = y3;
}

// G g: three weights to six values. The constants are the products of the differences of the points.
constexpr float F0 = A2 * B2, FA = 2 * A2 * (A2 - B2), FB = 2 * B2 * (B2 - A2);

template <typename V>
DIFFRACT_INLINE void weight_transform(const V& g0, const V& g1, const V& g2, V* u)
{
    const V even_a = (g0 + A2 * g2) * (1 / FA), odd_a = g1 * (PointA / FA), even_b = (g0 + B2 * g2) * (1 / FB), odd_b = g1 * (PointB / FB);
    u[0] = g0 * (1 / F0);
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g2;
}

// Gt u: six values to three, the transpose of weight_transform.
template <typename V>
DIFFRACT_INLINE void weight_gradient_transform(const V* u, V* g)
{
    const V sum_a = (u[1] + u[2]) * (1 / FA), sum_b = (u[3] + u[4]) * (1 / FB);
    g[0] = u[0] * (1 / F0) + sum_a + sum_b;
    g[1] = (u[1] - u[2]) * (PointA / FA) + (u[3] - u[4]) * (PointB / FB);
    g[2] = A2 * sum_a + B2 * sum_b + u[5];
}

// Weights of one input channel: weight k of output channel c is from[c * channel_step + k], or 8 - k where flipped. Of its 36 transformed values, each for
// `channels` output channels, one begins at `value`, the next value_step further.
template <typename T, typename Value = float>
struct WeightStep
{
    const T* from;
    int64_t channel_step;
    bool flipped;
    Value* value;
    int64_t value_step, channels;
};

// G g Gt for one vector of output channels.
template <typename V, typename T>
DIFFRACT_INLINE void weight_points(const T* from, int64_t channel_step, bool flipped, V* u)
{
    V g[9], half[3][TileIn], column[TileIn];
    for (int64_t k = 0; k < 9; k++)
    {
        float lanes[Lanes<V>::count];
        for (int64_t lane = 0; lane < Lanes<V>::count; lane++)
        {
            lanes[lane] = load(from + lane * channel_step + (flipped ? 8 - k : k));
        }
        load(g[k], lanes);
    }
    for (int64_t k = 0; k < 3; k++)
    {
        weight_transform(g[3 * k], g[3 * k + 1], g[3 * k + 2], half[k]);
    }
    for (int64_t j = 0; j < TileIn; j++)
    {
        weight_transform(half[0][j], half[1][j], half[2][j], column);
        for (int64_t i = 0; i < TileIn; i++)
        {
            u[i * TileIn + j] = column[i];
        }
    }
}

template <typename V, typename T>
DIFFRACT_INLINE void transform_weights(const WeightStep<T>& s)
{
    for (int64_t c = 0; c < s.channels; c += Lanes<V>::count)
    {
        V u[Points];
        weight_points(s.from + c * s.channel_step, s.channel_step, s.flipped, u);
        for (int64_t point = 0; point < Points; point++)
        {
            store(s.value + point * s.value_step + c, u[point]);
        }
    }
}

// The other way: from 36 gradients of transformed values to 9 of weights; both lie as there.
struct WeightGradientStep
{
    const float* value;
    int64_t value_step, channels;
    float* to;
    int64_t channel_step;
};

template <typename V>
DIFFRACT_INLINE void transform_weight_gradients(const WeightGradientStep& s)
{
    for (int64_t c = 0; c < s.channels; c += Lanes<V>::count)
    {
        V half[TileIn][3], column[TileIn], g[3];
        for (int64_t i = 0; i < TileIn; i++)
        {
            for (int64_t j = 0; j < TileIn; j++)
            {
                load(column[j], s.value + (i * TileIn + j) * s.value_step + c);
            }
            weight_gradient_transform(column, half[i]);
        }
        for (int64_t k = 0; k < 3; k++)
        {
            for (int64_t i = 0; i < TileIn; i++)
            {
                column[i] = half[i][k];
            }
            weight_gradient_transform(column, g);
            for (int64_t i = 0; i < 3; i++)
            {
                for (int64_t lane = 0; lane < Lanes<V>::count; lane++)
                {
                    s.to[(c + lane) * s.channel_step + 3 * i + k] = g[i][lane];
                }
            }
        }
    }
}

// A range of a map's tiles and the transformed values of all of its channels: value[point * stride + (tile - first) * c + channel].
template <typename T, typename Value = float>
struct TileStep
{
    T* map;
    Tiles tiles;
    int64_t first, begin, end; // the block's first tile; the tiles to do
    Value* value;
    int64_t stride;
    const float* bias;
    float* inverse; // of each tile's scale: inputs write it, outputs are multiplied by it; null: no tile is scaled
    const float* scale; // of each channel, where pairs of tiles are transformed; null: none
};

// Where the pixels of a tile begin, row after row; `outside` for those beyond the map's rim.
template <typename T, typename Value>
DIFFRACT_INLINE void pixels(const TileStep<T, Value>& s, int64_t tile, int64_t side, int64_t rim, T* outside, T** at)
{
    const int64_t across = s.tiles.across(), down = s.tiles.down(), n = tile / (across * down);
    const int64_t top = tile / across % down * TileOut - rim, left = tile % across * TileOut - rim;
    for (int64_t i = 0; i < side; i++)
    {
        for (int64_t j = 0; j < side; j++)
        {
            const int64_t y = top + i, x = left + j;
            const bool inside = y >= 0 && y < s.tiles.h && x >= 0 && x < s.tiles.w;
            at[i * side + j] = inside ? s.map + ((n * s.tiles.h + y) * s.tiles.w + x) * s.tiles.c : outside;
        }
    }
}

// Bt d of a tile's 6x6 inputs times a scale, for one vector of channels: half[column * TileIn + i]. Row i of Bt d B is then input_transform(half + i, TileIn, row): rows are made one at a
// time and stored at once, for all 36 values do not fit into the registers.
template <typename V, typename T, typename S = float>
DIFFRACT_INLINE void input_columns(T* const* at, int64_t c, V* half, const S& scale = 1)
{
    for (int64_t j = 0; j < TileIn; j++)
    {
        V d[TileIn];
        for (int64_t i = 0; i < TileIn; i++)
        {
            load(d[i], at[i * TileIn + j] + c);
        }
        input_transform(d, 1, half + j * TileIn, scale);
    }
}

// The pixels that the tile to the right has and this one has not.
template <typename T>
DIFFRACT_INLINE void prefetch_next(T* const* at, int64_t channels, int64_t c)
{
    for (int64_t i = 0; i < TileIn; i++)
    {
        for (int64_t j = TileIn - TileOut; j < TileIn; j++)
        {
            __builtin_prefetch(at[i * TileIn + j] + TileOut * channels + c);
        }
    }
}

// Scaled: each tile by the power of two that brings its largest pixel to one, for values of float16.
template <typename V, bool Scaled = false, typename T, typename Value>
DIFFRACT_INLINE void transform_inputs(const TileStep<T, Value>& s, T* zeros)
{
    for (int64_t tile = s.begin; tile < s.end; tile++)
    {
        T* at[Points];
        pixels(s, tile, TileIn, 1, zeros, at);
        Value* const out = s.value + (tile - s.first) * s.tiles.c;
        float scale = 1;
        if constexpr (Scaled)
        {
            Largest largest;
            for (int64_t i = 0; i < Points; i++)
            {
                largest.see(at[i], s.tiles.c);
            }
            scale = largest.scale();
            s.inverse[tile - s.first] = largest.inverse();
        }
        for (int64_t c = 0; c < s.tiles.c; c += Lanes<V>::count)
        {
            if (c * sizeof(T) % CacheLine == 0)
            {
                prefetch_next(at, s.tiles.c, c);
            }
            V half[Points], row[TileIn];
            input_columns(at, c, half, scale);
            for (int64_t i = 0; i < TileIn; i++)
            {
                input_transform(half + i, TileIn, row);
                for (int64_t j = 0; j < TileIn; j++)
                {
                    store(out + (i * TileIn + j) * s.stride + c, row[j]);
                }
            }
        }
    }
}

// Each tile's 4x4 outputs = At value A + bias.
template <typename V, typename T>
DIFFRACT_INLINE void transform_outputs(const TileStep<T>& s, T* spill)
{
    for (int64_t tile = s.begin; tile < s.end; tile++)
    {
        T* at[TileOut * TileOut];
        pixels(s, tile, TileOut, 0, spill, at);
        const float *const in = s.value + (tile - s.first) * s.tiles.c, inverse = s.inverse ? s.inverse[tile - s.first] : 1.0f;
        for (int64_t c = 0; c < s.tiles.c; c += Lanes<V>::count)
        {
            V half[TileIn * TileOut], bias = {};
            for (int64_t j = 0; j < TileIn; j++)
            {
                V m[TileIn];
                for (int64_t i = 0; i < TileIn; i++)
                {
                    load(m[i], in + (i * TileIn + j) * s.stride + c);
                }
                output_transform(m, 1, half + j * TileOut); // half[column point][row]
            }
            if (s.bias)
            {
                load(bias, s.bias + c);
            }
            for (int64_t i = 0; i < TileOut; i++)
            {
                V y[TileOut];
                output_transform(half + i, TileOut, y);
                for (int64_t j = 0; j < TileOut; j++)
                {
                    store(at[i * TileOut + j] + c, y[j] * inverse + bias);
                }
            }
        }
    }
}

// A dY of a tile's 4x4 gradients times a scale, for one vector of channels: half[column * TileIn + i]. Row i of A dY At is then spread_transform(half + i, TileIn, row).
template <typename V, typename T, typename S = float>
DIFFRACT_INLINE void gradient_columns(T* const* at, int64_t c, V* half, const S& scale = 1)
{
    for (int64_t j = 0; j < TileOut; j++)
    {
        V y[TileOut];
        for (int64_t i = 0; i < TileOut; i++)
        {
            load(y[i], at[i * TileOut + j] + c);
            y[i] *= scale;
        }
        spread_transform(y, 1, half + j * TileIn);
    }
}

template <typename V, typename T>
DIFFRACT_INLINE void transform_gradients(const TileStep<T>& s, T* zeros)
{
    for (int64_t tile = s.begin; tile < s.end; tile++)
    {
        T* at[TileOut * TileOut];
        pixels(s, tile, TileOut, 0, zeros, at);
        float* const out = s.value + (tile - s.first) * s.tiles.c;
        for (int64_t c = 0; c < s.tiles.c; c += Lanes<V>::count)
        {
            V half[TileOut * TileIn], row[TileIn];
            gradient_columns(at, c, half);
            for (int64_t i = 0; i < TileIn; i++)
            {
                spread_transform(half + i, TileIn, row);
                for (int64_t j = 0; j < TileIn; j++)
                {
                    store(out + (i * TileIn + j) * s.stride + c, row[j]);
                }
            }
        }
    }
}
} // namespace diffract
#endif
