// 3x3 convolutions of stride 1 and padding 1 by Winograd's F(4x4, 3x3): a tile of 4x4 outputs takes 36 products a pair of channels in place of 144. Maps are
// float32 or bfloat16. Arithmetic is float32, but for bfloat16 maps on a processor with faster products of bfloat16 or float16 (pair_tile.h). Rounding results to bfloat16 alone is an error below 2e-3
// (relative, whole maps); with products of bfloat16 it is up to 8.3e-3, of float16 up to 6.2e-3 (maps of noise).
//
//     Y = At [ (G g Gt) * (Bt d B) ] A          d: 6x6 inputs, g: 3x3 weights, Y: 4x4 outputs; * value by value, summed over input channels
//
// The points are 0, +-5/8, +-3/2 and infinity, which of those tried give the least error (1.4e-6 relative to float64 on random maps of 256 channels; 0, +-1, +-2: 3.1e-6).
// Lavin and Gray 2015, arXiv:1509.09308.
#pragma once
#include <ATen/ATen.h>

namespace diffract
{
// Whether this processor and these sizes can be served: AVX2 at least, channels in multiples of 16.
bool winograd_serves(int64_t in_channels, int64_t out_channels);

// (C_out, C_in, 3, 3) -> G g Gt as panels for the products. Transposed: of the weights that the data gradient convolves with.
// Columns of a panel: 64 for AVX-512 or 16 for AVX2; 0 for what this processor has. Factors of products: float32, or where the processor has such products bfloat16 or float16,
// pairs of input channels side by side; weights that float16 would not hold well are packed in float32 all the same.
at::Tensor winograd_weights(const at::Tensor& weight, bool transposed, int64_t columns = 0, at::ScalarType factors = at::kFloat);

// (N, C_in, H, W) channels-last -> (N, C_out, H, W) channels-last of the same type, plus bias (C_out) float32. Weights packed in 16 bits are for bfloat16 maps.
at::Tensor winograd_convolution(const at::Tensor& x, const at::Tensor& packed, int64_t out_channels, const c10::optional<at::Tensor>& bias);

// The weights' gradient: (C_out, C_in, 3, 3) float32. Of bfloat16 maps the products' factors are bfloat16 too, where that is the fastest.
at::Tensor winograd_weight_gradient(const at::Tensor& x, const at::Tensor& dy);
} // namespace diffract
