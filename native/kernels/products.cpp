#include "products.h"

namespace diffract
{
at::ScalarType factors_for(bool bfloat16)
{
    const Factors best = bfloat16 ? reduced_factors() : Factors::float32;
    return best == Factors::bfloat16 ? at::kBFloat16 : best == Factors::float16 ? at::kHalf : at::kFloat;
}

bool fits_float16(const at::Tensor& weight)
{
    const float most = weight.numel() == 0 ? 0 : weight.abs().max().item<float>();
    return most == 0 || (most >= 0x1p-8f && most <= 4);
}
} // namespace diffract
