// diffract::conv3x3: a 3x3 convolution of stride 1 and padding 1, with its gradients, by Winograd's algorithm (winograd.h). In float32 it takes a third of
// the time of oneDNN's direct convolution, and on processors without bfloat16 matrix units (AMX) it is faster than that of bfloat16 as well. Its results are
// within 3e-7 and its gradients within 9e-7 of float64 (relative, whole maps); the direct float32 convolution is within 1e-7.
#include "vector_math.h"
#include "winograd.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <vector>

namespace diffract
{
namespace
{
bool has_bf16_matrix_units()
{
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1); // AMX-BF16
#else
    return false;
#endif
}

// Whether it is the fastest way here.
bool conv3x3_serves(int64_t in_channels, int64_t out_channels, bool bfloat16)
{
    static const bool amx = has_bf16_matrix_units();
    return winograd_serves(in_channels, out_channels) && !(bfloat16 && amx);
}

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

// Sums over pictures and positions: (C) float32. Some rows in float32, those sums in float64.
at::Tensor channel_sums(const at::Tensor& map)
{
    constexpr int64_t ChunkRows = 256;
    const auto x = map.contiguous(at::MemoryFormat::ChannelsLast);
    const int64_t c = x.size(1), rows = c ? x.numel() / c : 0, chunks = (rows + ChunkRows - 1) / ChunkRows;
    std::vector<float> partial(chunks * c);
    at::parallel_for(0, chunks, 1, [&](int64_t begin, int64_t end) {
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

using MaybeTensor = c10::optional<at::Tensor>;

bool given(const MaybeTensor& x) { return x.has_value() && x->defined(); }

at::Tensor conv3x3(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor&)
{
    TORCH_CHECK(weight.dim() == 4 && x.dim() == 4 && weight.size(1) == x.size(1), "a map ", x.sizes(), " does not fit weights ", weight.sizes());
    return winograd_convolution(x, given(packed) ? *packed : winograd_weights(weight, false), weight.size(0), bias);
}

struct Conv3x3 : torch::autograd::Function<Conv3x3>
{
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor& transposed)
    {
        context->saved_data["x"] = x.requires_grad();
        context->saved_data["weight"] = weight.requires_grad();
        context->saved_data["bias"] = given(bias) && bias->requires_grad();
        context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight, transposed.value_or(at::Tensor())});
        return conv3x3(x, weight, bias, packed, transposed);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        TORCH_CHECK(!at::GradMode::is_enabled(), "conv3x3 has no second derivative");
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &weight = saved[1], &transposed = saved[2];
        const auto dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
        at::Tensor dx, dw, db;
        if (context->saved_data["x"].toBool())
        {
            dx = winograd_convolution(dy, transposed.defined() ? transposed : winograd_weights(weight, true), weight.size(1), c10::nullopt);
        }
        if (context->saved_data["weight"].toBool())
        {
            dw = winograd_weight_gradient(x, dy).to(weight.scalar_type());
        }
        if (context->saved_data["bias"].toBool())
        {
            db = channel_sums(dy);
        }
        return {dx, dw, db, {}, {}};
    }
};

at::Tensor conv3x3_autograd(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor& transposed)
{
    return Conv3x3::apply(x, weight, bias, packed, transposed);
}
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("conv3x3(Tensor x, Tensor weight, Tensor? bias, Tensor? packed, Tensor? packed_transposed) -> Tensor");
    library.def("conv3x3_weights(Tensor weight, bool transposed, int columns=0, bool bfloat16=False) -> Tensor", diffract::winograd_weights);
    library.def("conv3x3_pairs() -> bool", diffract::winograd_pairs);
    library.def("conv3x3_serves(int in_channels, int out_channels, bool bfloat16) -> bool", diffract::conv3x3_serves);
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("conv3x3", diffract::conv3x3); }

TORCH_LIBRARY_IMPL(diffract, AutogradCPU, library) { library.impl("conv3x3", diffract::conv3x3_autograd); }
