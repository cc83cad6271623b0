// diffract::attention: softmax(q k^T / sqrt(d)) v for every head, from the projection's output to the next one's input, with its gradient. The matrix of weights
// is made a block of queries at a time and never kept: backward makes it again from the sums of the exponentials.
//
// qkv is (N, T, 3 C), float32 or bfloat16; the 3 C values are [q | k | v] with heads inside each, or heads with [q k v] inside each (`inside`). The result is
// (N, T, C). Arithmetic is float32, but for the products' factors of bfloat16 maps where the processor multiplies pairs of them. A head is one thread's
// work. Ceiling: the products' rate (matrix_tile.h, pair_tile.h).
#include "attention_pairs.h"
#include "processor.h"
#include "share_out.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <memory>

namespace diffract
{
namespace
{
#ifdef DIFFRACT_VECTORS
struct Steps
{
    void (*attend_f32)(const Head<float>&, float*);
    void (*attend_bf16)(const Head<uint16_t>&, float*);
    void (*back_f32)(const Head<float>&, float*);
    void (*back_bf16)(const Head<uint16_t>&, float*);
    int64_t (*scratch)(int64_t tokens, int64_t width, bool backward); // values
};

#define DIFFRACT_STEPS(NAME, TARGET, V) \
    TARGET void attend_f32_##NAME(const Head<float>& h, float* scratch) { attend<V>(h, scratch); } \
    TARGET void attend_bf16_##NAME(const Head<uint16_t>& h, float* scratch) { attend<V>(h, scratch); } \
    TARGET void back_f32_##NAME(const Head<float>& h, float* scratch) { attend_back<V>(h, scratch); } \
    TARGET void back_bf16_##NAME(const Head<uint16_t>& h, float* scratch) { attend_back<V>(h, scratch); } \
    int64_t scratch_##NAME(int64_t tokens, int64_t width, bool backward) \
    { \
        const HeadSizes<V> sizes(tokens, width); \
        return backward ? sizes.backward() : sizes.forward(); \
    } \
    constexpr Steps steps_##NAME = {attend_f32_##NAME, attend_bf16_##NAME, back_f32_##NAME, back_bf16_##NAME, scratch_##NAME};

DIFFRACT_STEPS(avx512, DIFFRACT_AVX512, Floats16)
DIFFRACT_STEPS(avx2, DIFFRACT_AVX2, Floats8)

const Vectors vectors = best_vectors();
const Steps* const steps = vectors == Vectors::avx512 ? &steps_avx512 : vectors == Vectors::avx2 ? &steps_avx2 : nullptr;

#ifdef DIFFRACT_PAIRS
bool in_pairs(int64_t width) { return width % 2 == 0 && reduced_factors() == Factors::bfloat16; }
#endif

void run(const Head<float>& head, float* scratch) { (head.gradient ? steps->back_f32 : steps->attend_f32)(head, scratch); }
void run(const Head<uint16_t>& head, float* scratch)
{
#ifdef DIFFRACT_PAIRS
    if (in_pairs(head.width))
    {
        return head.gradient ? attend_back_pairs(head, scratch) : attend_pairs(head, scratch);
    }
#endif
    (head.gradient ? steps->back_bf16 : steps->attend_bf16)(head, scratch);
}

template <typename T>
int64_t scratch_of(int64_t tokens, int64_t width, bool backward)
{
#ifdef DIFFRACT_PAIRS
    if (backward && std::is_same_v<T, uint16_t> && in_pairs(width))
    {
        return back_scratch({tokens, width});
    }
#endif
    return steps->scratch(tokens, width, backward);
}

// Every head of every picture; backward where a gradient is given.
template <typename T>
void every_head(const at::Tensor& qkv, int64_t heads, bool inside, const at::Tensor& out, const at::Tensor& gradient, const at::Tensor& dqkv, const at::Tensor& log_sums)
{
    const int64_t tokens = qkv.size(1), step = qkv.size(2), channels = step / 3, width = channels / heads;
    const auto data = [](const at::Tensor& x) { return x.defined() ? static_cast<T*>(x.data_ptr()) : nullptr; };
    T *const values = data(qkv), *const results = data(out), *const gradients = data(gradient), *const changes = data(dqkv);
    const int64_t part = inside ? width : channels, head = inside ? 3 * width : width; // from q to k to v, from head to head
    share_out(qkv.size(0) * heads, 1, [&](int64_t begin, int64_t end)
    {
        const std::unique_ptr<float[]> scratch(new float[scratch_of<T>(tokens, width, gradient.defined()) + 16]);
        float* const aligned = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(scratch.get()) + 63) / 64 * 64);
        for (int64_t job = begin; job < end; job++)
        {
            const int64_t from = job / heads * tokens * step + job % heads * head, to = job / heads * tokens * channels + job % heads * width;
            T *const q = values + from, *const dq = changes ? changes + from : nullptr;
            run({q, q + part, q + 2 * part, step, tokens, width, results ? results + to : nullptr, gradients ? gradients + to : nullptr, channels, dq, dq ? dq + part : nullptr, dq ? dq + 2 * part : nullptr,
                 log_sums.data_ptr<float>() + job * tokens}, aligned);
        }
    });
}

void every_head_of(const at::Tensor& qkv, int64_t heads, bool inside, const at::Tensor& out, const at::Tensor& gradient, const at::Tensor& dqkv, const at::Tensor& log_sums)
{
    (qkv.scalar_type() == at::kFloat ? every_head<float> : every_head<uint16_t>)(qkv, heads, inside, out, gradient, dqkv, log_sums);
}

bool attention_serves() { return steps; }
#else
void every_head_of(const at::Tensor&, int64_t, bool, const at::Tensor&, const at::Tensor&, const at::Tensor&, const at::Tensor&) { TORCH_CHECK(false, "this build has no vector kernels"); }

bool attention_serves() { return false; }
#endif

// Result and sums; qkv contiguous.
std::pair<at::Tensor, at::Tensor> forward_of(const at::Tensor& qkv, int64_t heads, bool inside)
{
    TORCH_CHECK(attention_serves(), "this processor has neither AVX-512 nor AVX2");
    TORCH_CHECK(qkv.dim() == 3 && heads > 0 && qkv.size(2) % (3 * heads) == 0 && qkv.size(2) > 0 && (qkv.scalar_type() == at::kFloat || qkv.scalar_type() == at::kBFloat16), "float32 or bfloat16 (N, T, 3 x channels) expected, channels a multiple of ",
                heads, " heads, found ", qkv.scalar_type(), " ", qkv.sizes());
    const auto out = at::empty({qkv.size(0), qkv.size(1), qkv.size(2) / 3}, qkv.options());
    const auto log_sums = at::empty({qkv.size(0) * heads, qkv.size(1)}, qkv.options().dtype(at::kFloat));
    every_head_of(qkv, heads, inside, out, {}, {}, log_sums);
    return {out, log_sums};
}

at::Tensor attention(const at::Tensor& qkv, int64_t heads, bool inside) { return forward_of(qkv.contiguous(), heads, inside).first; }

struct AttentionFunction : torch::autograd::Function<AttentionFunction>
{
    static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& qkv, int64_t heads, bool inside)
    {
        const auto values = qkv.contiguous();
        const auto [out, log_sums] = forward_of(values, heads, inside);
        context->saved_data["heads"] = heads;
        context->saved_data["inside"] = inside;
        context->save_for_backward({values, log_sums});
        return out;
    }

    static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context, torch::autograd::variable_list gradients)
    {
        TORCH_CHECK(!at::GradMode::is_enabled(), "attention has no second derivative");
        const auto saved = context->get_saved_variables();
        const auto dqkv = at::empty_like(saved[0]);
        every_head_of(saved[0], context->saved_data["heads"].toInt(), context->saved_data["inside"].toBool(), {}, gradients[0].to(saved[0].scalar_type()).contiguous(), dqkv, saved[1]);
        return {dqkv, {}, {}};
    }
};

at::Tensor attention_autograd(const at::Tensor& qkv, int64_t heads, bool inside) { return AttentionFunction::apply(qkv, heads, inside); }
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("attention(Tensor qkv, int heads, bool inside) -> Tensor");
    library.def("attention_serves() -> bool", diffract::attention_serves);
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("attention", diffract::attention); }

TORCH_LIBRARY_IMPL(diffract, AutogradCPU, library) { library.impl("attention", diffract::attention_autograd); }
