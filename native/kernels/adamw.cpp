// diffract::adamw_: one step of Adam with decoupled weight decay, in place, in one pass over the four arrays (ATen's operators make ten):
//
//     m = m + (1 - beta1) (g - m),   v = beta2 v + (1 - beta2) g g,   p = (1 - lr decay) p - lr / c1 * m / (sqrt(v) / sqrt(c2) + eps),   c = 1 - beta^steps
//
// Float32, any shape, each contiguous. A parameter may stack models along its first dimension, each with a rate and a decay of its own. Ceiling: the memory's bandwidth (28 bytes an element).
#include "share_out.h"
#include "vector_math.h"

#include <ATen/ATen.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

namespace diffract
{
namespace
{
struct Factors
{
    float keep, step, mean, square, kept_square, root, epsilon;
};

DIFFRACT_CLONES void move(float* __restrict p, const float* __restrict g, float* __restrict m, float* __restrict v, int64_t count, const Factors& f)
{
    const Factors by = f;
#pragma GCC ivdep
    for (int64_t i = 0; i < count; i++)
    {
        const float gradient = g[i], mean = m[i] + by.mean * (gradient - m[i]), square = by.kept_square * v[i] + by.square * gradient * gradient;
        m[i] = mean;
        v[i] = square;
        p[i] = by.keep * p[i] - by.step * (mean / (__builtin_sqrtf(square) * by.root + by.epsilon));
    }
}

void adamw(at::Tensor parameter, const at::Tensor& gradient, at::Tensor mean, at::Tensor square, at::ArrayRef<double> rates, at::ArrayRef<double> decays, double beta1, double beta2, double epsilon, int64_t steps)
{
    for (const auto& tensor : {parameter, gradient, mean, square})
    {
        TORCH_CHECK(tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_contiguous() && tensor.sizes() == parameter.sizes(), "four contiguous float32 tensors of one shape expected, found ", tensor.scalar_type(), " ", tensor.sizes(), " beside ", parameter.sizes());
    }
    const auto models = static_cast<int64_t>(rates.size());
    TORCH_CHECK(models > 0 && decays.size() == rates.size() && (models == 1 || (parameter.dim() > 0 && parameter.size(0) == models)), "a rate and a decay for each of the models in ", parameter.sizes(), " expected, found ", models, " and ", decays.size());
    std::vector<Factors> factors;
    for (size_t model = 0; model < rates.size(); model++)
    {
        factors.push_back({static_cast<float>(1 - rates[model] * decays[model]), static_cast<float>(rates[model] / (1 - std::pow(beta1, steps))), static_cast<float>(1 - beta1), static_cast<float>(1 - beta2),
                           static_cast<float>(beta2), static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, steps))), static_cast<float>(epsilon)});
    }
    float *const p = parameter.data_ptr<float>(), *const m = mean.data_ptr<float>(), *const v = square.data_ptr<float>();
    const float* const g = gradient.data_ptr<float>();
    const int64_t each = parameter.numel() / models;
    share_out(parameter.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin, next; at < end; at = next)
        {
            next = std::min(end, (at / each + 1) * each);
            move(p + at, g + at, m + at, v + at, next - at, factors[at / each]);
        }
    });
    parameter.unsafeGetTensorImpl()->bump_version(); // what was made of the old values is known to be old
}
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("adamw_(Tensor(a!) parameter, Tensor gradient, Tensor(b!) mean, Tensor(c!) square, float[] rates, float[] decays, float beta1, float beta2, float epsilon, int steps) -> ()");
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("adamw_", diffract::adamw); }
