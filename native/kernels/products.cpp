#include "products.h"
#include "amx.h"
#include "share_out.h"
#include "vectors.h"

#include <torch/library.h>

#include <mutex>
#include <vector>

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
    return most == 0 || (most >= 0x1p-8f && most <= 2);
}

#ifdef DIFFRACT_PAIRS
namespace
{
DIFFRACT_AVX512_BF16 void multiply_by_vectors(const PairProduct& p, int64_t vectors) { multiply_by_panel<Bfloat16Loop>(p, vectors); }
} // namespace

void multiply_bfloat16(const PairProduct& p, int64_t vectors)
{
    static const auto multiply = matrix_unit() == MatrixUnit::amx ? multiply_by_amx : matrix_unit() == MatrixUnit::software ? multiply_in_software : multiply_by_vectors;
    multiply(p, vectors);
}
#else
void multiply_bfloat16(const PairProduct&, int64_t) {}
#endif

#ifdef DIFFRACT_FLOAT16
DIFFRACT_AVX512_FP16 void multiply_float16(const PairProduct& p, int64_t vectors) { multiply_by_panel<Float16Loop>(p, vectors); }
#else
void multiply_float16(const PairProduct&, int64_t) {}
#endif

#ifdef DIFFRACT_VECTORS
namespace
{
DIFFRACT_AVX512 void see_rows(const uint16_t* values, int64_t rows, int64_t channels, uint16_t* most)
{
    for (int64_t row = 0; row < rows; row++)
    {
        Largest::see(values + row * channels, channels, most);
    }
}
} // namespace

ChannelScales channel_scales(const at::Tensor& rows, int64_t channels, float most)
{
    std::mutex gate;
    std::vector<uint16_t> all(channels);
    const auto* const values = static_cast<const uint16_t*>(rows.data_ptr());
    share_out(rows.numel() / channels, 256, [&](int64_t begin, int64_t end) {
        std::vector<uint16_t> part(channels);
        see_rows(values + begin * channels, end - begin, channels, part.data());
        const std::lock_guard<std::mutex> held(gate);
        for (int64_t c = 0; c < channels; c++)
        {
            all[c] = std::max(all[c], part[c]);
        }
    });
    const auto options = rows.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous);
    ChannelScales scales{at::empty({channels}, options), at::empty({channels}, options)};
    for (int64_t c = 0; c < channels; c++)
    {
        scales.scale.data_ptr<float>()[c] = Largest::scale(all[c]) * most;
        scales.inverse.data_ptr<float>()[c] = Largest::inverse(all[c]) / most;
    }
    return scales;
}
#else
ChannelScales channel_scales(const at::Tensor&, int64_t, float) { return {}; }
#endif

namespace
{
// a (rows, depth), or turned (depth / 2, rows, 2), times b (depth / 2, columns, 2): (rows, columns) float32, on this thread. Both are bfloat16, in whose place `software` imitates the matrix unit, or float16.
at::Tensor multiply_pairs(const at::Tensor& a, const at::Tensor& b, bool turned, bool software)
{
    constexpr int64_t Panel = 64, Vector = 16, Depth = 256;
    const bool halves = a.scalar_type() == at::kHalf;
    TORCH_CHECK((halves || a.scalar_type() == at::kBFloat16) && a.scalar_type() == b.scalar_type() && multiplies(halves ? Factors::float16 : Factors::bfloat16), "this processor has no products of ", a.scalar_type(), " and ", b.scalar_type());
    TORCH_CHECK(a.dim() == (turned ? 3 : 2) && b.dim() == 3 && a.is_contiguous() && b.is_contiguous() && a.is_cpu() && b.is_cpu() && b.size(0) > 0 && b.size(1) % Vector == 0 && a.numel() == a.size(turned ? 1 : 0) * 2 * b.size(0), "factors of ", a.sizes(), " and ",
                b.sizes(), " do not fit; the second has pairs of rows side by side and columns in multiples of ", Vector);
    const int64_t rows = a.size(turned ? 1 : 0), depth = 2 * b.size(0), columns = b.size(1);
    const auto c = at::empty({rows, columns}, a.options().dtype(at::kFloat));
    const auto multiply = software && !halves ? multiply_in_software : halves ? multiply_float16 : multiply_bfloat16;
    const auto *const left = static_cast<const uint16_t*>(a.data_ptr()), *const right = static_cast<const uint16_t*>(b.data_ptr());
    for (int64_t column = 0; column < columns; column += Panel)
    {
        for (int64_t k = 0; k < depth; k += Depth)
        {
            multiply({left + k * (turned ? rows : 1), turned ? 2 : depth, turned ? 2 * rows : 2, right + k * columns + 2 * column, 2 * columns, c.data_ptr<float>() + column, columns, rows, std::min(Depth, depth - k), k > 0},
                     std::min(Panel, columns - column) / Vector);
        }
    }
    return c;
}
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("multiply_pairs(Tensor a, Tensor b, bool turned=False, bool software=False) -> Tensor", diffract::multiply_pairs);
    library.def("matrix_unit() -> int", [] { return static_cast<int64_t>(diffract::matrix_unit()); });
}
