// diffract::conv3x3: a 3x3 convolution of stride 1 and padding 1, with its gradients, by Winograd's algorithm (winograd.h). In float32 it takes a third of
// the time of oneDNN's direct convolution, and it is faster than that of bfloat16 as well (not measured on processors with matrix units). Its results are
// within 3e-7 and its gradients within 9e-7 of float64 (relative, whole maps); the direct float32 convolution is within 1e-7.
#include "channel_sums.h"
#include "products.h"
#include "winograd.h"

#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace diffract
{
namespace
{
// As this map's products read them fastest.
at::Tensor packed_for(const at::Tensor& map, const at::Tensor& weight, bool transposed) { return winograd_weights(weight, transposed, 0, factors_for(map.scalar_type() == at::kBFloat16)); }

using MaybeTensor = c10::optional<at::Tensor>;

bool given(const MaybeTensor& x) { return x.has_value() && x->defined(); }

at::Tensor conv3x3(const at::Tensor& x, const at::Tensor& weight, const MaybeTensor& bias, const MaybeTensor& packed, const MaybeTensor&)
{
    TORCH_CHECK(weight.dim() == 4 && x.dim() == 4 && weight.size(1) == x.size(1), "a map ", x.sizes(), " does not fit weights ", weight.sizes());
    return winograd_convolution(x, given(packed) ? *packed : packed_for(x, weight, false), weight.size(0), bias);
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
            dx = winograd_convolution(dy, transposed.defined() ? transposed : packed_for(dy, weight, true), weight.size(1), c10::nullopt);
        }
        if (context->saved_data["weight"].toBool())
        {
            dw = winograd_weight_gradient(x, dy).to(weight.scalar_type());
        }
        if (context->saved_data["bias"].toBool())
        {
            db = channel_sums(dy.permute({0, 2, 3, 1}));
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
    library.def("conv3x3_weights(Tensor weight, bool transposed, int columns=0, ScalarType factors=float) -> Tensor", diffract::winograd_weights);
    library.def("conv3x3_factors(bool bfloat16) -> ScalarType", diffract::factors_for);
    library.def("conv3x3_serves(int in_channels, int out_channels) -> bool", diffract::winograd_serves);
}

TORCH_LIBRARY_IMPL(diffract, CPU, library) { library.impl("conv3x3", diffract::conv3x3); }

TORCH_LIBRARY_IMPL(diffract, AutogradCPU, library) { library.impl("conv3x3", diffract::conv3x3_autograd); }
