// What the factors of a layer's products are made of here.
#pragma once
#include "pair_tile.h"
#include "processor.h"

#include <ATen/ATen.h>

namespace diffract
{
// For maps of bfloat16 or float32: what this processor multiplies fastest (pair_tile.h).
at::ScalarType factors_for(bool bfloat16);

// One panel, by what multiplies bfloat16 fastest here, or float16; for processors that have such products.
void multiply_bfloat16(const PairProduct& p, int64_t vectors);
void multiply_float16(const PairProduct& p, int64_t vectors);

// Whether products of these weights, or of ones twice as large, are good in float16: the largest are at least 0.004, for numbers below 6e-5 lose bits, and at most 2,
// for a sum of 256 products with values below 56 must stay below 65,504. Those values are scaled to be.
bool fits_float16(const at::Tensor& weight);

// For each channel a power of two, which brings its largest value to at least `most` and below twice that, and its inverse: (channels), float32.
struct ChannelScales
{
    at::Tensor scale, inverse;
};

// Of bfloat16 rows of channels, a multiple of 16, in one piece of memory.
ChannelScales channel_scales(const at::Tensor& rows, int64_t channels, float most);
} // namespace diffract
