// Sums over all but the channels, which lie innermost.
#pragma once
#include <ATen/ATen.h>

namespace diffract
{
// x: contiguous (..., C), float32 or bfloat16 -> (C) float32. Some rows in float32, those sums in float64.
at::Tensor channel_sums(const at::Tensor& x);
} // namespace diffract
