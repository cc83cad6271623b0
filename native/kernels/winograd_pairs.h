// The steps of winograd_steps.h with transformed values of 16 bits, Bfloat16 or Float16, two by two, as pair_tile.h reads them: pairs of input channels in weights and maps,
// pairs of tiles for the weights' gradient, which is summed over tiles.
#pragma once
#include "pair_tile.h"
#include "winograd_steps.h"

#include <type_traits>

#ifdef DIFFRACT_PAIRS
namespace diffract
{
// Two input channels, the second `next` further: value[point * value_step + 2 * c + channel].
template <typename Value, typename T>
DIFFRACT_INLINE void transform_weight_pairs(const WeightStep<T, uint16_t>& s, int64_t next)
{
    for (int64_t c = 0; c < s.channels; c += 16)
    {
        Floats16 even[Points], odd[Points];
        weight_points(s.from + c * s.channel_step, s.channel_step, s.flipped, even);
        weight_points(s.from + c * s.channel_step + next, s.channel_step, s.flipped, odd);
        for (int64_t point = 0; point < Points; point++)
        {
            store_pairs(reinterpret_cast<Value*>(s.value + point * s.value_step + 2 * c), even[point], odd[point]);
        }
    }
}

template <bool Inputs, typename T, typename S>
DIFFRACT_INLINE void columns(T* const* at, int64_t c, Floats16* half, const S& scale)
{
    if constexpr (Inputs)
    {
        input_columns(at, c, half, scale);
    }
    else
    {
        gradient_columns(at, c, half, scale);
    }
}

template <bool Inputs>
DIFFRACT_INLINE void row(const Floats16* half, Floats16* to)
{
    if constexpr (Inputs)
    {
        input_transform(half, TileIn, to);
    }
    else
    {
        spread_transform(half, TileIn, to);
    }
}

// Pairs of tiles, inputs or gradients: value[point * stride + (tile - first) / 2 * 2 * C + 2 * c + tile % 2]. s.begin is even; a last tile without a second gets zeros for it.
template <typename Value, bool Inputs>
DIFFRACT_INLINE void transform_tile_pairs(const TileStep<uint16_t, uint16_t>& s, uint16_t* zeros)
{
    constexpr int64_t Side = Inputs ? TileIn : TileOut, Rim = Inputs ? 1 : 0;
    for (int64_t tile = s.begin; tile < s.end; tile += 2)
    {
        uint16_t *first[Side * Side], *second[Side * Side];
        pixels(s, tile, Side, Rim, zeros, first);
        pixels(s, tile + 1, Side, Rim, zeros, second);
        if (tile + 1 >= s.end)
        {
            std::fill(second, second + Side * Side, zeros);
        }
        uint16_t* const out = s.value + (tile - s.first) * s.tiles.c;
        for (int64_t c = 0; c < s.tiles.c; c += 16)
        {
            Floats16 even[Side * TileIn], odd[Side * TileIn], even_row[TileIn], odd_row[TileIn];
            if constexpr (std::is_same_v<Value, Float16>)
            {
                Floats16 scale;
                load(scale, s.scale + c);
                columns<Inputs>(first, c, even, scale);
                columns<Inputs>(second, c, odd, scale);
            }
            else
            {
                columns<Inputs>(first, c, even, 1.0f);
                columns<Inputs>(second, c, odd, 1.0f);
            }
            for (int64_t i = 0; i < TileIn; i++)
            {
                row<Inputs>(even + i, even_row);
                row<Inputs>(odd + i, odd_row);
                for (int64_t j = 0; j < TileIn; j++)
                {
                    store_pairs(reinterpret_cast<Value*>(out + (i * TileIn + j) * s.stride + 2 * c), even_row[j], odd_row[j]);
                }
            }
        }
    }
}
} // namespace diffract
#endif
