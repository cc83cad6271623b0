// diffract::double_size: each pixel to 2x2 of them; diffract::halve_size: the mean of each 2x2 pixels. Maps are (N, C, H, W); halved ones have even sides. Going back each is the other, but for
// a factor of four. The passes are ATen's, which lie in any device's memory; ATen's own gradients of channels-last bfloat16 maps take five and three times as long as these.
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

namespace diffract
{
namespace
{
at::Tensor doubled(const at::Tensor& x) { return at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)}); }

// Sums of 2x2 pixels over `divisor`.
at::Tensor halved(const at::Tensor& x, int64_t divisor) { return at::avg_pool2d(x, {2, 2}, {2, 2}, {0, 0}, false, true, divisor); }

struct Double : torch::autograd::Function<Double>
{
    static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& x) { return doubled(x); }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext*, torch::autograd::variable_list gradients) { return {halved(gradients[0], 1)}; }
};

struct Halve : torch::autograd::Function<Halve>
{
    static at::Tensor forward(torch::autograd::AutogradContext*, const at::Tensor& x) { return halved(x, 4); }
    static torch::autograd::variable_list backward(torch::autograd::AutogradContext*, torch::autograd::variable_list gradients) { return {doubled(at::mul(gradients[0], 0.25))}; }
};

at::Tensor double_size(const at::Tensor& x)
{
    TORCH_CHECK(x.dim() == 4, "a map (N, C, H, W) expected, found ", x.sizes());
    return Double::apply(x);
}

at::Tensor halve_size(const at::Tensor& x)
{
    TORCH_CHECK(x.dim() == 4 && x.size(2) % 2 == 0 && x.size(3) % 2 == 0, "a map (N, C, H, W) of even sides expected, found ", x.sizes());
    return Halve::apply(x);
}
} // namespace
} // namespace diffract

TORCH_LIBRARY_FRAGMENT(diffract, library)
{
    library.def("double_size(Tensor x) -> Tensor", diffract::double_size);
    library.def("halve_size(Tensor x) -> Tensor", diffract::halve_size);
}
