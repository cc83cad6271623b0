#include "channel_sums.h"
#include "share_out.h"
#include "vector_math.h"

#include <vector>

namespace diffract
{
namespace
{
template <typename T>
DIFFRACT_INLINE void add_rows(const T* __restrict x, int64_t rows, int64_t c, float* __restrict sum)
{
    for (int64_t row = 0; row < rows; row++, x += c)
    {
#pragma GCC ivdep
        for (int64_t i = 0; i < c; i++)
        {
            sum[i] += load(x + i);
        }
    }
}

DIFFRACT_CLONES void add_rows_f32(const float* x, int64_t rows, int64_t c, float* sum) { add_rows(x, rows, c, sum); }
DIFFRACT_CLONES void add_rows_bf16(const uint16_t* x, int64_t rows, int64_t c, float* sum) { add_rows(x, rows, c, sum); }

} // namespace

at::Tensor channel_sums(const at::Tensor& x)
{
    constexpr int64_t ChunkRows = 256;
    const int64_t c = x.size(-1), rows = c ? x.numel() / c : 0, chunks = (rows + ChunkRows - 1) / ChunkRows;
    std::vector<float> partial(chunks * c);
    share_out(chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t chunk = begin; chunk < end; chunk++)
        {
            const int64_t first = chunk * ChunkRows, count = std::min(ChunkRows, rows - first);
            x.scalar_type() == at::kFloat ? add_rows_f32(static_cast<const float*>(x.data_ptr()) + first * c, count, c, partial.data() + chunk * c)
                                          : add_rows_bf16(static_cast<const uint16_t*>(x.data_ptr()) + first * c, count, c, partial.data() + chunk * c);
        }
    });
    std::vector<double> total(c);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
    {
        for (int64_t i = 0; i < c; i++)
        {
            total[i] += partial[chunk * c + i];
        }
    }
    auto sums = at::empty({c}, x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous));
    std::copy(total.begin(), total.end(), sums.data_ptr<float>());
    return sums;
}
} // namespace diffract
