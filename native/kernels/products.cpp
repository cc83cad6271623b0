#include "products.h"
#include "share_out.h"
#include "vectors.h"

#include <mutex>

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

#ifdef DIFFRACT_VECTORS
namespace
{
DIFFRACT_AVX512 void see(Largest& largest, const uint16_t* values, int64_t count) { largest.see(values, count); }
} // namespace

Scale scale_of(const at::Tensor& map)
{
    std::mutex gate;
    Largest all;
    const auto* const values = static_cast<const uint16_t*>(map.data_ptr());
    constexpr int64_t Together = 16;
    share_out(map.numel() / Together, 4096, [&](int64_t begin, int64_t end) {
        Largest part;
        see(part, values + begin * Together, (end - begin) * Together);
        const std::lock_guard<std::mutex> held(gate);
        all.see(part);
    });
    return {all.scale(), all.inverse()};
}
#else
Scale scale_of(const at::Tensor&) { return {}; }
#endif
} // namespace diffract
