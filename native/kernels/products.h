// What the factors of a layer's products are made of here.
#pragma once
#include "processor.h"

#include <ATen/ATen.h>

namespace diffract
{
// For maps of bfloat16 or float32: what this processor multiplies fastest (pair_tile.h).
at::ScalarType factors_for(bool bfloat16);

// Whether products of these weights, or of ones twice as large, are good in float16: the largest are at least 0.004, for numbers below 6e-5 lose bits, and at most 4,
// for a sum of 128 products with values below 56 must stay below 65,504. Those values are scaled to be.
bool fits_float16(const at::Tensor& weight);

// The power of two that brings a map's largest value to at least one and below two, and its inverse.
struct Scale
{
    float scale = 1, inverse = 1;
};

// Of bfloat16 values, a multiple of 16, in one piece of memory.
Scale scale_of(const at::Tensor& map);
} // namespace diffract
