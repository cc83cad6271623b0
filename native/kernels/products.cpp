#include "products.h"
#include "share_out.h"
#include "vectors.h"

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
} // namespace diffract
