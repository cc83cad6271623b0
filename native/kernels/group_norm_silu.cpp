// Group norm, modulation by an embedding and SiLU in one operator, forward and backward:
//
//     xhat = (x - mean_g) * rstd_g,   z = (xhat * weight + bias) * (1 + scale) + shift,   y = silu(z)  (or z)
//
// x is (N, C, H, W) in channels-last memory, float32 or bfloat16; sums and everything between load and store are float32
// (sums over a chunk of rows are added up in double, in a fixed order, so the result does not depend on the number of threads).
// Two passes over x forward (statistics, apply); two over x and dy backward (sums, apply). Ceiling: the memory's bandwidth.
#include "group_norm_steps.h"
#include "processor.h"
#include "share_out.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace diffract
{
namespace
{
constexpr int64_t ChunkRows = 64; // positions (h, w) whose sums are kept in float before they go into a double

struct Shape
{
    int64_t n, c, rows, groups, chunks;
    int64_t width() const { return c / groups; }
};

Shape shape_of(const at::Tensor& x, int64_t groups)
{
    const int64_t rows = x.numel() / (x.size(0) * x.size(1));
    return {x.size(0), x.size(1), rows, groups, (rows + ChunkRows - 1) / ChunkRows};
}

#define DIFFRACT_FOR_TYPE(T, NAME) \
    DIFFRACT_CLONES void sum_##NAME(const T* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares) { sum_rows(x, rows, c, pivot, sum, squares); } \
    DIFFRACT_CLONES void apply_##NAME(const T* x, T* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu) { apply_rows(x, y, rows, c, factor, offset, mean, silu); } \
    DIFFRACT_CLONES void gradient_sums_##NAME(const T* dy, const T* x, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu, float* sum, float* product) { gradient_sums(dy, x, rows, c, factor, offset, mean, silu, sum, product); } \
    DIFFRACT_CLONES void gradient_rows_##NAME(const T* dy, const T* x, T* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope, bool silu) { gradient_rows(dy, x, dx, rows, c, factor, offset, mean, constant, slope, silu); }

DIFFRACT_FOR_TYPE(float, f32)
DIFFRACT_FOR_TYPE(uint16_t, bf16)

// Whole vectors of channels with AVX-512, and there bfloat16's SiLU to bfloat16's accuracy; everything else by the loops above.
bool fits_wide(int64_t c)
{
    static const bool wide = best_vectors() == Vectors::avx512;
    return wide && c % 16 == 0;
}

#ifdef DIFFRACT_VECTORS
DIFFRACT_AVX512 void sum_wide(const float* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares) { sum_whole<Floats16>(x, rows, c, pivot, sum, squares); }
DIFFRACT_AVX512 void sum_wide(const uint16_t* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares) { sum_whole<Floats16>(x, rows, c, pivot, sum, squares); }

using Silu = void(const uint16_t* x, uint16_t* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean);
using GradientRows = void(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope);
DIFFRACT_AVX512 void silu_avx512(const uint16_t* x, uint16_t* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean) { silu_whole(x, y, rows, c, factor, offset, mean); }
DIFFRACT_AVX512 void gradient_rows_avx512(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope)
{
    gradient_rows_whole(dy, x, dx, rows, c, factor, offset, mean, constant, slope);
}
#ifdef DIFFRACT_PAIRS
DIFFRACT_AVX512_BF16 void silu_avx512_bf16(const uint16_t* x, uint16_t* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean) { silu_whole(x, reinterpret_cast<Bfloat16*>(y), rows, c, factor, offset, mean); }
DIFFRACT_AVX512_BF16 void gradient_rows_avx512_bf16(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope)
{
    gradient_rows_whole(dy, x, reinterpret_cast<Bfloat16*>(dx), rows, c, factor, offset, mean, constant, slope);
}
Silu* const silu_wide = multiplies(Factors::bfloat16) ? silu_avx512_bf16 : silu_avx512;
GradientRows* const gradient_rows_wide = multiplies(Factors::bfloat16) ? gradient_rows_avx512_bf16 : gradient_rows_avx512;
#else
Silu* const silu_wide = silu_avx512;
GradientRows* const gradient_rows_wide = gradient_rows_avx512;
#endif
#else
void sum_wide(...) {}
void silu_wide(...) {}
void gradient_sums_whole(...) {}
void gradient_rows_wide(...) {}
#endif

void sums_of(const float* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares) { fits_wide(c) ? sum_wide(x, rows, c, pivot, sum, squares) : sum_f32(x, rows, c, pivot, sum, squares); }
void sums_of(const uint16_t* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares) { fits_wide(c) ? sum_wide(x, rows, c, pivot, sum, squares) : sum_bf16(x, rows, c, pivot, sum, squares); }

void modulate(const float* x, float* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu) { apply_f32(x, y, rows, c, factor, offset, mean, silu); }
void modulate(const uint16_t* x, uint16_t* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu)
{
    silu && fits_wide(c) ? silu_wide(x, y, rows, c, factor, offset, mean) : apply_bf16(x, y, rows, c, factor, offset, mean, silu);
}

void gradient_sums_of(const float* dy, const float* x, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu, float* sum, float* product)
{
    gradient_sums_f32(dy, x, rows, c, factor, offset, mean, silu, sum, product);
}
void gradient_sums_of(const uint16_t* dy, const uint16_t* x, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, bool silu, float* sum, float* product)
{
    silu && fits_wide(c) ? gradient_sums_whole(dy, x, rows, c, factor, offset, mean, sum, product) : gradient_sums_bf16(dy, x, rows, c, factor, offset, mean, silu, sum, product);
}

void gradient_rows_of(const float* dy, const float* x, float* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope, bool silu)
{
    gradient_rows_f32(dy, x, dx, rows, c, factor, offset, mean, constant, slope, silu);
}
void gradient_rows_of(const uint16_t* dy, const uint16_t* x, uint16_t* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope, bool silu)
{
    silu && fits_wide(c) ? gradient_rows_wide(dy, x, dx, rows, c, factor, offset, mean, constant, slope) : gradient_rows_bf16(dy, x, dx, rows, c, factor, offset, mean, constant, slope, silu);
}

// Visits the chunks of rows of all pictures, in parallel: body(picture, chunk, first row, rows).
template <typename Body>
void for_chunks(const Shape& s, Body body)
{
    share_out(s.n * s.chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++)
        {
            int64_t picture = at / s.chunks, chunk = at % s.chunks, first = chunk * ChunkRows;
            body(picture, chunk, first, std::min(ChunkRows, s.rows - first));
        }
    });
}

// Mean and 1 / deviation of each picture's groups: (N, G) each.
template <typename T>
void statistics(const T* x, const Shape& s, double epsilon, float* mean, float* rstd)
{
    // The sums are of x less a pivot near the mean, so that squares do not cancel.
    std::vector<float> pivot(s.n * s.c);
    for (int64_t n = 0; n < s.n; n++)
    {
        for (int64_t g = 0; g < s.groups; g++)
        {
            float total = 0;
            const T* first = x + n * s.rows * s.c + g * s.width();
            for (int64_t i = 0; i < s.width(); i++)
            {
                total += load(first + i);
            }
            std::fill_n(pivot.begin() + n * s.c + g * s.width(), s.width(), total / s.width());
        }
    }
    std::vector<double> sums(s.n * s.chunks * s.groups * 2);
    for_chunks(s, [&](int64_t n, int64_t chunk, int64_t first, int64_t rows) {
        std::vector<float> totals(s.c), squares(s.c);
        sums_of(x + (n * s.rows + first) * s.c, rows, s.c, pivot.data() + n * s.c, totals.data(), squares.data());
        double* out = sums.data() + (n * s.chunks + chunk) * s.groups * 2;
        for (int64_t g = 0; g < s.groups; g++)
        {
            double a = 0, b = 0;
            for (int64_t i = g * s.width(); i < (g + 1) * s.width(); i++)
            {
                a += totals[i];
                b += squares[i];
            }
            out[2 * g] = a;
            out[2 * g + 1] = b;
        }
    });
    const double count = static_cast<double>(s.rows) * s.width();
    for (int64_t n = 0; n < s.n; n++)
    {
        for (int64_t g = 0; g < s.groups; g++)
        {
            double a = 0, b = 0;
            for (int64_t chunk = 0; chunk < s.chunks; chunk++)
            {
                const double* in = sums.data() + ((n * s.chunks + chunk) * s.groups + g) * 2;
                a += in[0];
                b += in[1];
            }
            a /= count;
            mean[n * s.groups + g] = static_cast<float>(pivot[n * s.c + g * s.width()] + a);
            rstd[n * s.groups + g] = static_cast<float>(1 / std::sqrt(std::max(b / count - a * a, 0.0) + epsilon));
        }
    }
}

// What every channel of every picture is multiplied with and shifted by: z = (x - mean) * factor + offset.
struct Affine
{
    std::vector<float> factor, offset, mean;
};

Affine affine(const Shape& s, const float* mean, const float* rstd, const float* weight, const float* bias, const float* scale, const float* shift)
{
    Affine a{std::vector<float>(s.n * s.c), std::vector<float>(s.n * s.c), std::vector<float>(s.n * s.c)};
    for (int64_t n = 0; n < s.n; n++)
    {
        for (int64_t c = 0; c < s.c; c++)
        {
            int64_t at = n * s.c + c, g = n * s.groups + c / s.width();
            float one_plus = scale ? 1 + scale[at] : 1;
            a.mean[at] = mean[g];
            a.factor[at] = rstd[g] * weight[c] * one_plus;
            a.offset[at] = bias[c] * one_plus + (shift ? shift[at] : 0);
        }
    }
    return a;
}

template <typename T>
T* data(const at::Tensor& x)
{
    return static_cast<T*>(x.data_ptr());
}

// Calls the body with the type that x's elements have in memory.
template <typename Body>
void with_type(const at::Tensor& x, Body body)
{
    TORCH_CHECK(x.is_cpu() && x.dim() == 4, "expected a map (N, C, H, W) in the host's memory");
    TORCH_CHECK(x.is_contiguous(at::MemoryFormat::ChannelsLast), "expected channels-last memory");
    switch (x.scalar_type())
    {
    case at::kFloat:
        return body(static_cast<float*>(nullptr));
    case at::kBFloat16:
        return body(static_cast<uint16_t*>(nullptr));
    default:
        TORCH_CHECK(false, "expected float32 or bfloat16, found ", x.scalar_type());
    }
}

const float* floats(const c10::optional<at::Tensor>& x) { return x.has_value() && x->defined() ? data<float>(*x) : nullptr; }

struct Modulated : torch::autograd::Function<Modulated>
{
    static at::Tensor forward(torch::autograd::AutogradContext* context, at::Tensor x, at::Tensor weight, at::Tensor bias,
                              c10::optional<at::Tensor> scale, c10::optional<at::Tensor> shift, int64_t groups, double epsilon, bool silu)
    {
        x = x.contiguous(at::MemoryFormat::ChannelsLast);
        scale = scale.has_value() ? c10::optional<at::Tensor>(scale->to(at::kFloat).contiguous()) : c10::nullopt;
        shift = shift.has_value() ? c10::optional<at::Tensor>(shift->to(at::kFloat).contiguous()) : c10::nullopt;
        TORCH_CHECK(groups > 0 && x.size(1) % groups == 0, x.size(1), " channels in ", groups, " groups");
        TORCH_CHECK(weight.numel() == x.size(1) && bias.numel() == x.size(1) && weight.scalar_type() == at::kFloat && bias.scalar_type() == at::kFloat,
                    "float32 weight and bias of ", x.size(1), " channels expected");
        TORCH_CHECK(!scale.has_value() || scale->numel() == x.size(0) * x.size(1), "scale (N, C) expected, found ", scale->sizes());
        TORCH_CHECK(!shift.has_value() || shift->numel() == x.size(0) * x.size(1), "shift (N, C) expected, found ", shift->sizes());
        const Shape s = shape_of(x, groups);
        auto y = at::empty_like(x);
        auto mean = at::empty({s.n, s.groups}, x.options().dtype(at::kFloat)), rstd = at::empty_like(mean);
        with_type(x, [&](auto* type) {
            using T = std::remove_pointer_t<decltype(type)>;
            statistics(data<T>(x), s, epsilon, data<float>(mean), data<float>(rstd));
            const auto a = affine(s, data<float>(mean), data<float>(rstd), data<float>(weight), data<float>(bias), floats(scale), floats(shift));
            for_chunks(s, [&](int64_t n, int64_t, int64_t first, int64_t rows) {
                const int64_t at = (n * s.rows + first) * s.c, row = n * s.c;
                modulate(data<T>(x) + at, data<T>(y) + at, rows, s.c, a.factor.data() + row, a.offset.data() + row, a.mean.data() + row, silu);
            });
        });
        if (context)
        {
            context->save_for_backward({x, weight, bias, scale.value_or(at::Tensor()), shift.value_or(at::Tensor()), mean, rstd});
            context->saved_data["silu"] = silu;
        }
        return y;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &scale = saved[3], &shift = saved[4], &mean = saved[5], &rstd = saved[6];
        const bool silu = context->saved_data["silu"].toBool();
        const auto dy = gradients[0].to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
        const Shape s = shape_of(x, mean.size(1));
        auto dx = at::empty_like(x);
        auto sums = at::empty({s.n, s.c}, mean.options()), products = at::empty_like(sums); // of dz, and of dz * xhat
        const float* modulation = scale.defined() ? data<float>(scale) : nullptr;
        with_type(x, [&](auto* type) {
            using T = std::remove_pointer_t<decltype(type)>;
            const auto a = affine(s, data<float>(mean), data<float>(rstd), data<float>(weight), data<float>(bias), modulation, shift.defined() ? data<float>(shift) : nullptr);
            std::vector<float> partial(s.n * s.chunks * s.c * 2);
            for_chunks(s, [&](int64_t n, int64_t chunk, int64_t first, int64_t rows) {
                const int64_t at = (n * s.rows + first) * s.c, row = n * s.c;
                float* out = partial.data() + (n * s.chunks + chunk) * s.c * 2;
                gradient_sums_of(data<T>(dy) + at, data<T>(x) + at, rows, s.c, a.factor.data() + row, a.offset.data() + row, a.mean.data() + row, silu, out, out + s.c);
            });
            std::vector<float> constant(s.n * s.c), slope(s.n * s.c);
            share_out(s.n * s.groups, 1, [&](int64_t begin, int64_t end) {
                for (int64_t at = begin; at < end; at++)
                {
                    const int64_t n = at / s.groups, g = at % s.groups;
                    const double inverse = data<float>(rstd)[at], count = static_cast<double>(s.rows) * s.width();
                    double mean_dxhat = 0, mean_product = 0;
                    for (int64_t c = g * s.width(); c < (g + 1) * s.width(); c++)
                    {
                        double sum = 0, product = 0;
                        for (int64_t chunk = 0; chunk < s.chunks; chunk++)
                        {
                            const float* in = partial.data() + (n * s.chunks + chunk) * s.c * 2;
                            sum += in[c];
                            product += in[s.c + c];
                        }
                        product *= inverse;
                        data<float>(sums)[n * s.c + c] = static_cast<float>(sum);
                        data<float>(products)[n * s.c + c] = static_cast<float>(product);
                        const double gain = data<float>(weight)[c] * (modulation ? 1.0 + modulation[n * s.c + c] : 1.0);
                        mean_dxhat += gain * sum / count;
                        mean_product += gain * product / count;
                    }
                    for (int64_t c = g * s.width(); c < (g + 1) * s.width(); c++)
                    {
                        constant[n * s.c + c] = static_cast<float>(inverse * mean_dxhat);
                        slope[n * s.c + c] = static_cast<float>(inverse * inverse * mean_product);
                    }
                }
            });
            for_chunks(s, [&](int64_t n, int64_t, int64_t first, int64_t rows) {
                const int64_t at = (n * s.rows + first) * s.c, row = n * s.c;
                gradient_rows_of(data<T>(dy) + at, data<T>(x) + at, data<T>(dx) + at, rows, s.c, a.factor.data() + row, a.offset.data() + row, a.mean.data() + row,
                                       constant.data() + row, slope.data() + row, silu);
            });
        });
        const auto one_plus = scale.defined() ? scale.view({s.n, s.c}) + 1 : at::ones({1, 1}, sums.options());
        return {dx, (products * one_plus).sum(0), (sums * one_plus).sum(0), scale.defined() ? products * weight + sums * bias : at::Tensor(), shift.defined() ? sums : at::Tensor(), {}, {}, {}};
    }
};

at::Tensor group_norm_silu(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift, int64_t groups, double epsilon, bool silu)
{
    return Modulated::forward(nullptr, x, weight, bias, scale, shift, groups, epsilon, silu);
}

at::Tensor group_norm_silu_autograd(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const c10::optional<at::Tensor>& scale, const c10::optional<at::Tensor>& shift, int64_t groups, double epsilon, bool silu)
{
    return Modulated::apply(x, weight, bias, scale, shift, groups, epsilon, silu);
}
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("group_norm_silu(Tensor x, Tensor weight, Tensor bias, Tensor? scale, Tensor? shift, int groups, float epsilon, bool silu) -> Tensor");
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("group_norm_silu", diffract::group_norm_silu); }

TORCH_LIBRARY_IMPL(diffract, AutogradCPU, library) { library.impl("group_norm_silu", diffract::group_norm_silu_autograd); }
