// diffract::linear: y = x Wt + b over the last dimension, with its gradients; float32 or bfloat16, sums in float32.
//
//     dx = dy W,   dW = dyt x,   db = sum of dy over rows
//
// Weights are read in panels of 64 outputs (16 on AVX2), those of bfloat16 as pairs of inputs side by side where the processor has fast products of 16 bits (pair_tile.h); frozen ones are packed
// once by the caller. A block of 96 rows goes through all panels, its rows scaled by powers of two where factors are float16. Ceiling: the products' rate (matrix_tile.h, pair_tile.h).
#include "channel_sums.h"
#include "linear_steps.h"
#include "products.h"
#include "share_out.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <vector>

namespace diffract
{
namespace
{
using MaybeTensor = c10::optional<at::Tensor>;

bool given(const MaybeTensor& x) { return x.has_value() && x->defined(); }

#ifdef DIFFRACT_VECTORS
struct Steps
{
    int64_t lanes, panel;
    void (*multiply)(const Product&, int64_t vectors);
    void (*fill_f32)(const PanelStep<float>&, float*);
    void (*fill_bf16)(const PanelStep<uint16_t>&, float*);
    void (*write_f32)(const ResultStep<float>&);
    void (*write_bf16)(const ResultStep<uint16_t>&);
};

#define DIFFRACT_STEPS(NAME, TARGET, V, PANEL) \
    TARGET void multiply_##NAME(const Product& p, int64_t vectors) { multiply_panel<V>(p, vectors); } \
    TARGET void fill_f32_##NAME(const PanelStep<float>& s, float* to) { fill_panel(s, to); } \
    TARGET void fill_bf16_##NAME(const PanelStep<uint16_t>& s, float* to) { fill_panel(s, to); } \
    TARGET void write_f32_##NAME(const ResultStep<float>& s) { write_results<V>(s); } \
    TARGET void write_bf16_##NAME(const ResultStep<uint16_t>& s) { write_results<V>(s); } \
    constexpr Steps steps_##NAME = {Lanes<V>::count, PANEL, multiply_##NAME, fill_f32_##NAME, fill_bf16_##NAME, write_f32_##NAME, write_bf16_##NAME};

DIFFRACT_STEPS(avx512, DIFFRACT_AVX512, Floats16, 64)
DIFFRACT_STEPS(avx2, DIFFRACT_AVX2, Floats8, 16)

#ifdef DIFFRACT_PAIRS
DIFFRACT_AVX512 void fill_pairs(const PanelStep<uint16_t>& s, uint16_t* to) { fill_pair_panel(s, to); }
DIFFRACT_AVX512 void interleave(const uint16_t* from, int64_t rows, int64_t columns, uint16_t* to) { pair_rows(from, rows, columns, to); }
#else
void fill_pairs(const PanelStep<uint16_t>&, uint16_t*) {}
void interleave(const uint16_t*, int64_t, int64_t, uint16_t*) {}
#endif

#ifdef DIFFRACT_FLOAT16
DIFFRACT_AVX512 void to_float16(const uint16_t* from, int64_t rows, int64_t columns, uint16_t* to, float* inverse) { scale_rows(from, rows, columns, to, inverse); }
DIFFRACT_AVX512 void interleave_float16(const uint16_t* from, int64_t rows, int64_t columns, const float* scale, uint16_t* to) { scale_row_pairs(from, rows, columns, scale, to); }
#else
void to_float16(const uint16_t*, int64_t, int64_t, uint16_t*, float*) {}
void interleave_float16(const uint16_t*, int64_t, int64_t, const float*, uint16_t*) {}
#endif

const Vectors vectors = best_vectors();
const Steps* const steps = vectors == Vectors::avx512 ? &steps_avx512 : vectors == Vectors::avx2 ? &steps_avx2 : nullptr;

int64_t parts(int64_t count, int64_t size) { return (count + size - 1) / size; }

template <typename T>
T* data(const at::Tensor& x) { return static_cast<T*>(x.data_ptr()); }

// Whether these kernels have such a layer.
bool linear_serves(int64_t in, int64_t out) { return steps && in > 0 && out > 0 && in % 16 == 0 && out % 16 == 0; }

// weight (out, in, then ones) -> panels (panels, in, 64), or (panels, in / 2, 64, 2) for factors of 16 bits, which are for bfloat16 weights; those that float16 would not hold well are
// packed in float32 all the same. Transposed: of the weights that make dx from dy.
at::Tensor linear_weights(const at::Tensor& weight, bool transposed, at::ScalarType factors)
{
    TORCH_CHECK(factors == at::kFloat || (weight.scalar_type() == at::kBFloat16 && multiplies(factors == at::kHalf ? Factors::float16 : Factors::bfloat16)), "this processor has no products of ", factors, " for weights of ", weight.scalar_type());
    TORCH_CHECK(weight.is_cpu() && weight.dim() >= 2 && (weight.scalar_type() == at::kFloat || weight.scalar_type() == at::kBFloat16) && weight.numel() == weight.size(0) * weight.size(1), "float32 or bfloat16 weights (out, in) in the host's memory expected, found ",
                weight.scalar_type(), " ", weight.sizes());
    const bool as_float16 = factors == at::kHalf && fits_float16(weight), pairs = factors == at::kBFloat16 || as_float16;
    const auto w = as_float16 ? weight.to(at::kHalf).contiguous() : weight.contiguous();
    const int64_t in = w.size(transposed ? 0 : 1), out = w.size(transposed ? 1 : 0), width = steps->panel;
    const int64_t depth_step = transposed ? out : 1, column_step = transposed ? 1 : in;
    const bool halves = w.scalar_type() == at::kBFloat16;
    auto packed = pairs ? at::empty({parts(out, width), in / 2, width, 2}, w.options()) : at::empty({parts(out, width), in, width}, w.options().dtype(at::kFloat));
    const int64_t chunks = parts(in, LinearDepth);
    share_out(parts(out, width) * chunks, 1, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++)
        {
            const int64_t panel = at / chunks, k = at % chunks * LinearDepth, depth = std::min(LinearDepth, in - k), columns = std::min(width, out - panel * width);
            const int64_t from = k * depth_step + panel * width * column_step, to = (panel * in + k) * width;
            pairs    ? fill_pairs({data<uint16_t>(w) + from, depth_step, column_step, depth, columns, width}, data<uint16_t>(packed) + to)
            : halves ? steps->fill_bf16({data<uint16_t>(w) + from, depth_step, column_step, depth, columns, width}, data<float>(packed) + to)
                     : steps->fill_f32({data<float>(w) + from, depth_step, column_step, depth, columns, width}, data<float>(packed) + to);
        }
    });
    return packed;
}

// x (..., in) times panels for `out` columns, plus bias: (..., out) of x's type.
at::Tensor multiply(const at::Tensor& input, const at::Tensor& packed, int64_t out, const at::Tensor& bias)
{
    const bool pairs = packed.dim() == 4, as_float16 = packed.scalar_type() == at::kHalf;
    const auto x = pairs || input.scalar_type() == at::kFloat ? input.contiguous() : input.to(at::kFloat).contiguous();
    const int64_t in = x.size(-1), rows = x.numel() / in, width = steps->panel, panels = parts(out, width);
    TORCH_CHECK(packed.size(0) == panels && packed.size(1) * (pairs ? 2 : 1) == in && packed.size(2) == width && (!pairs || x.scalar_type() == at::kBFloat16), "weights packed as ", packed.sizes(), " do not fit ", input.scalar_type(), " ", input.sizes(), " and ", out, " outputs");
    auto sizes = input.sizes().vec();
    sizes.back() = out;
    const auto y = at::empty(sizes, input.options().memory_format(at::MemoryFormat::Contiguous));
    const bool halves = y.scalar_type() == at::kBFloat16;
    const float* const b = bias.defined() ? data<float>(bias) : nullptr;
    const int64_t blocks = parts(rows, LinearRows), groups = blocks < 4 * at::get_num_threads() ? panels : 1; // few rows: panels are shared out as well
    share_out(blocks * groups, 1, [&](int64_t begin, int64_t end) {
        std::vector<float> sums(LinearRows * width);
        std::vector<uint16_t> rounded(as_float16 ? LinearRows * in : 0);
        std::vector<float> inverse(LinearRows);
        const float* const scales = as_float16 ? inverse.data() : nullptr;
        for (int64_t at = begin, rows_there = -1; at < end; at++)
        {
            const int64_t row = at / groups * LinearRows, count = std::min(LinearRows, rows - row), first = groups == 1 ? 0 : at % groups, last = groups == 1 ? panels : first + 1;
            const uint16_t* factors = pairs ? data<uint16_t>(x) + row * in : nullptr;
            if (as_float16)
            {
                if (rows_there != row)
                {
                    to_float16(factors, count, in, rounded.data(), inverse.data());
                    rows_there = row;
                }
                factors = rounded.data();
            }
            for (int64_t panel = first; panel < last; panel++)
            {
                const int64_t columns = std::min(width, out - panel * width);
                for (int64_t k = 0; k < in; k += LinearDepth)
                {
                    const int64_t w = (panel * in + k) * width, depth = std::min(LinearDepth, in - k);
                    pairs ? (as_float16 ? multiply_float16 : multiply_bfloat16)({factors + k, in, 2, data<uint16_t>(packed) + w, 2 * width, sums.data(), width, count, depth, k > 0}, columns / steps->lanes)
                          : steps->multiply({data<float>(x) + row * in + k, in, 1, data<float>(packed) + w, width, sums.data(), width, count, depth, k > 0}, columns / steps->lanes);
                }
                const int64_t to = row * out + panel * width;
                halves ? steps->write_bf16({sums.data(), width, count, columns, b ? b + panel * width : nullptr, data<uint16_t>(y) + to, out, scales})
                       : steps->write_f32({sums.data(), width, count, columns, b ? b + panel * width : nullptr, data<float>(y) + to, out, scales});
            }
        }
    });
    return y;
}

// Rows side by side two by two: (rows / 2, columns, 2), in float16 times each column's scale, or in bfloat16.
at::Tensor paired(const at::Tensor& x, int64_t rows, int64_t columns, at::ScalarType factors, const at::Tensor& scale)
{
    auto pairs = at::empty({parts(rows, 2), columns, 2}, x.options().dtype(factors));
    share_out(parts(rows, 2), 32, [&](int64_t begin, int64_t end) {
        const uint16_t* const from = data<uint16_t>(x) + 2 * begin * columns;
        uint16_t* const to = data<uint16_t>(pairs) + 2 * begin * columns;
        const int64_t count = std::min(2 * end, rows) - 2 * begin;
        factors == at::kHalf ? interleave_float16(from, count, columns, scale.data_ptr<float>(), to) : interleave(from, count, columns, to);
    });
    return pairs;
}

// dyt x: (out, in) float32. Each block of it is summed over all rows by one thread, so that it does not depend on their number.
at::Tensor weight_gradient(const at::Tensor& input, const at::Tensor& gradient)
{
    const int64_t in = input.size(-1), out = gradient.size(-1), rows = input.numel() / in, width = steps->panel;
    const auto factors = factors_for(input.scalar_type() == at::kBFloat16 && gradient.scalar_type() == at::kBFloat16);
    const bool pairs = factors != at::kFloat;
    const auto values = input.contiguous(), gradients = gradient.contiguous();
    const ChannelScales of_x = factors == at::kHalf ? channel_scales(values, in, 1) : ChannelScales{}, of_dy = factors == at::kHalf ? channel_scales(gradients, out, 1) : ChannelScales{};
    const auto x = pairs ? paired(values, rows, in, factors, of_x.scale) : values.to(at::kFloat), dy = pairs ? paired(gradients, rows, out, factors, of_dy.scale) : gradients.to(at::kFloat);
    auto dw = at::zeros({out, in}, input.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous));
    const int64_t deep = pairs ? parts(rows, 2) * 2 : rows, panels = parts(in, width);
    share_out(parts(out, LinearRows) * panels, 1, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++)
        {
            const int64_t row = at / panels * LinearRows, column = at % panels * width, count = std::min(LinearRows, out - row), wide = std::min(width, in - column) / steps->lanes;
            for (int64_t k = 0; k < deep; k += LinearDepth)
            {
                const int64_t depth = std::min(LinearDepth, deep - k);
                float* const sums = data<float>(dw) + row * in + column;
                pairs ? (factors == at::kHalf ? multiply_float16 : multiply_bfloat16)({data<uint16_t>(dy) + k * out + 2 * row, 2, 2 * out, data<uint16_t>(x) + k * in + 2 * column, 2 * in, sums, in, count, depth, true}, wide)
                      : steps->multiply({data<float>(dy) + k * out + row, 1, out, data<float>(x) + k * in + column, in, sums, in, count, depth, true}, wide);
            }
        }
    });
    return factors == at::kHalf ? dw.mul_(of_dy.inverse.unsqueeze(1)).mul_(of_x.inverse) : dw;
}
#else
bool linear_serves(int64_t, int64_t) { return false; }
at::Tensor linear_weights(const at::Tensor&, bool, at::ScalarType) { TORCH_CHECK(false, "this build has no vector kernels"); }
at::Tensor multiply(const at::Tensor&, const at::Tensor&, int64_t, const at::Tensor&) { TORCH_CHECK(false, "this build has no vector kernels"); }
at::Tensor weight_gradient(const at::Tensor&, const at::Tensor&) { TORCH_CHECK(false, "this build has no vector kernels"); }
#endif

at::Tensor linear(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor&)
{
    TORCH_CHECK(weight.dim() >= 2 && x.dim() >= 1 && x.size(-1) == weight.size(1) && x.scalar_type() == weight.scalar_type() && linear_serves(weight.size(1), weight.size(0)), "values ", x.scalar_type(), " ", x.sizes(), " and weights ",
                weight.scalar_type(), " ", weight.sizes(), " are not ones that this processor's kernel multiplies");
    const auto b = given(bias) ? bias->to(at::kFloat).contiguous() : at::Tensor();
    TORCH_CHECK(!b.defined() || b.numel() == weight.size(0), "a bias of ", weight.size(0), " values expected, found ", b.sizes());
    return multiply(x, given(packed) ? *packed : linear_weights(weight, false, factors_for(x.scalar_type() == at::kBFloat16)), weight.size(0), b);
}

struct LinearFunction : torch::autograd::Function<LinearFunction>
{
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor& transposed)
    {
        context->saved_data["x"] = x.requires_grad();
        context->saved_data["weight"] = weight.requires_grad();
        context->saved_data["bias"] = given(bias) && bias->requires_grad();
        context->save_for_backward({weight.requires_grad() ? x : at::Tensor(), weight, given(bias) ? *bias : at::Tensor(), transposed.value_or(at::Tensor())});
        return linear(x, weight, bias, packed, transposed);
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        TORCH_CHECK(!at::GradMode::is_enabled(), "diffract::linear has no second derivative");
        const auto saved = context->get_saved_variables();
        const auto &x = saved[0], &weight = saved[1], &bias = saved[2], &transposed = saved[3];
        const auto dy = gradients[0].contiguous();
        at::Tensor dx, dw, db;
        if (context->saved_data["x"].toBool())
        {
            dx = multiply(dy, transposed.defined() ? transposed : linear_weights(weight, true, factors_for(dy.scalar_type() == at::kBFloat16)), weight.size(1), {});
        }
        if (context->saved_data["weight"].toBool())
        {
            dw = weight_gradient(x, dy).to(weight.scalar_type()).reshape(weight.sizes());
        }
        if (context->saved_data["bias"].toBool())
        {
            db = channel_sums(dy).to(bias.scalar_type());
        }
        return {dx, dw, db, {}, {}};
    }
};

at::Tensor linear_autograd(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor& transposed) { return LinearFunction::apply(x, weight, bias, packed, transposed); }
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("linear(Tensor x, Tensor weight, Tensor? bias, Tensor? packed, Tensor? packed_transposed) -> Tensor");
    library.def("linear_weights(Tensor weight, bool transposed, ScalarType factors=float) -> Tensor", diffract::linear_weights);
    library.def("linear_serves(int in_features, int out_features) -> bool", diffract::linear_serves);
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("linear", diffract::linear); }

TORCH_LIBRARY_IMPL(diffract, AutogradCPU, library) { library.impl("linear", diffract::linear_autograd); }
