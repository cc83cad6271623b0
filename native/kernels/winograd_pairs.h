// The steps of winograd_steps.h with transformed values of 16 bits, Bfloat16 or Float16, two by two, as pair_tile.h reads them: pairs of input channels in weights and maps,
// pairs of tiles for the weights' gradient, which is summed over tiles.
#pragma once
#include "pair_tile.h"
#include "winograd_steps.h"

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
            Floats16 even[Points], odd[Points], scale = Floats16{} + 1;
            if (s.scale)
            {
                load(scale, s.scale + c);
            }
            if constexpr (Inputs)
            {
                input_points(first, c, even, scale);
                input_points(second, c, odd, scale);
            }
            else
            {
                gradient_points(first, c, even, scale);
                gradient_points(second, c, odd, scale);
            }
            for (int64_t point = 0; point < Points; point++)
            {
                store_pairs(reinterpret_cast<Value*>(out + point * s.stride + 2 * c), even[point], odd[point]);
            }
        }
    }
}
} // namespace diffract
#endif
