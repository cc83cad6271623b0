#include "winograd.h"
#include "products.h"
#include "share_out.h"
#include "winograd_pairs.h"

#include <type_traits>
#include <vector>

namespace diffract
{
#ifdef DIFFRACT_VECTORS
namespace
{
// One set of the steps for each kind of processor.
struct Steps
{
    int64_t lanes, panel; // of a vector; columns of a panel of b
    void (*multiply)(const Product&, int64_t vectors);
    void (*weights_f32)(const WeightStep<float>&);
    void (*weights_bf16)(const WeightStep<uint16_t>&);
    void (*weight_gradients)(const WeightGradientStep&);
    void (*inputs_f32)(const TileStep<float>&, float*);
    void (*inputs_bf16)(const TileStep<uint16_t>&, uint16_t*);
    void (*outputs_f32)(const TileStep<float>&, float*);
    void (*outputs_bf16)(const TileStep<uint16_t>&, uint16_t*);
    void (*gradients_f32)(const TileStep<float>&, float*);
    void (*gradients_bf16)(const TileStep<uint16_t>&, uint16_t*);
};

#define DIFFRACT_STEPS(NAME, TARGET, V, PANEL) \
    TARGET void multiply_##NAME(const Product& p, int64_t vectors) { multiply_panel<V>(p, vectors); } \
    TARGET void weights_f32_##NAME(const WeightStep<float>& s) { transform_weights<V>(s); } \
    TARGET void weights_bf16_##NAME(const WeightStep<uint16_t>& s) { transform_weights<V>(s); } \
    TARGET void weight_gradients_##NAME(const WeightGradientStep& s) { transform_weight_gradients<V>(s); } \
    TARGET void inputs_f32_##NAME(const TileStep<float>& s, float* zeros) { transform_inputs<V>(s, zeros); } \
    TARGET void inputs_bf16_##NAME(const TileStep<uint16_t>& s, uint16_t* zeros) { transform_inputs<V>(s, zeros); } \
    TARGET void outputs_f32_##NAME(const TileStep<float>& s, float* spill) { transform_outputs<V>(s, spill); } \
    TARGET void outputs_bf16_##NAME(const TileStep<uint16_t>& s, uint16_t* spill) { transform_outputs<V>(s, spill); } \
    TARGET void gradients_f32_##NAME(const TileStep<float>& s, float* zeros) { transform_gradients<V>(s, zeros); } \
    TARGET void gradients_bf16_##NAME(const TileStep<uint16_t>& s, uint16_t* zeros) { transform_gradients<V>(s, zeros); } \
    constexpr Steps steps_##NAME = {Lanes<V>::count, PANEL, multiply_##NAME, weights_f32_##NAME, weights_bf16_##NAME, weight_gradients_##NAME, inputs_f32_##NAME, inputs_bf16_##NAME, outputs_f32_##NAME, outputs_bf16_##NAME, \
                                    gradients_f32_##NAME, gradients_bf16_##NAME};

DIFFRACT_STEPS(avx512, DIFFRACT_AVX512, Floats16, 64)
DIFFRACT_STEPS(avx2, DIFFRACT_AVX2, Floats8, 16)

// Null: neither.
const Steps* choose_steps()
{
    const Vectors vectors = best_vectors();
    return vectors == Vectors::avx512 ? &steps_avx512 : vectors == Vectors::avx2 ? &steps_avx2 : nullptr;
}

const Steps* const best_steps = choose_steps();

// Those that a panel's width is for.
const Steps* steps_for(int64_t panel) { return best_steps && panel == steps_avx2.panel ? &steps_avx2 : best_steps; }

// The steps whose values have 16 bits; beside them, those of AVX-512 serve.
struct PairSteps
{
    at::ScalarType type;
    bool scaled; // tiles
    void (*multiply)(const PairProduct&, int64_t vectors);
    void (*weights_f32)(const WeightStep<float, uint16_t>&, int64_t next);
    void (*weights_bf16)(const WeightStep<uint16_t, uint16_t>&, int64_t next);
    void (*inputs)(const TileStep<uint16_t, uint16_t>&, uint16_t*);
    void (*input_pairs)(const TileStep<uint16_t, uint16_t>&, uint16_t*);
    void (*gradient_pairs)(const TileStep<uint16_t, uint16_t>&, uint16_t*);
};

#define DIFFRACT_PAIR_STEPS(VALUE, TARGET, MULTIPLY, TYPE) \
    TARGET void weights_f32_##VALUE(const WeightStep<float, uint16_t>& s, int64_t next) { transform_weight_pairs<VALUE>(s, next); } \
    TARGET void weights_bf16_##VALUE(const WeightStep<uint16_t, uint16_t>& s, int64_t next) { transform_weight_pairs<VALUE>(s, next); } \
    TARGET void inputs_##VALUE(const TileStep<uint16_t, uint16_t>& s, uint16_t* zeros) \
    { \
        transform_inputs<Floats16, std::is_same_v<VALUE, Float16>>(TileStep<uint16_t, VALUE>{s.map, s.tiles, s.first, s.begin, s.end, reinterpret_cast<VALUE*>(s.value), s.stride, nullptr, s.inverse, nullptr}, zeros); \
    } \
    TARGET void input_pairs_##VALUE(const TileStep<uint16_t, uint16_t>& s, uint16_t* zeros) { transform_tile_pairs<VALUE, true>(s, zeros); } \
    TARGET void gradient_pairs_##VALUE(const TileStep<uint16_t, uint16_t>& s, uint16_t* zeros) { transform_tile_pairs<VALUE, false>(s, zeros); } \
    constexpr PairSteps steps_##VALUE = {TYPE, std::is_same_v<VALUE, Float16>, MULTIPLY, weights_f32_##VALUE, weights_bf16_##VALUE, inputs_##VALUE, input_pairs_##VALUE, gradient_pairs_##VALUE};

#ifdef DIFFRACT_PAIRS
DIFFRACT_PAIR_STEPS(Bfloat16, DIFFRACT_AVX512_BF16, multiply_bfloat16, at::kBFloat16)
#endif
#ifdef DIFFRACT_FLOAT16
DIFFRACT_PAIR_STEPS(Float16, DIFFRACT_AVX512, multiply_float16, at::kHalf)
#endif

// Null: products of float32.
const PairSteps* pair_steps(at::ScalarType factors)
{
#ifdef DIFFRACT_PAIRS
    if (factors == at::kBFloat16 && multiplies(Factors::bfloat16))
    {
        return &steps_Bfloat16;
    }
#endif
#ifdef DIFFRACT_FLOAT16
    if (factors == at::kHalf && multiplies(Factors::float16))
    {
        return &steps_Float16;
    }
#endif
    TORCH_CHECK(factors == at::kFloat, "this processor has no products of ", factors);
    return nullptr;
}

constexpr int64_t DepthBlock = 256; // rows of a panel of b: 64 KB, which stay in the second-level cache while all rows of a pass
constexpr int64_t FarBlock = 8 << 20;                           // bytes of transformed values, in and out, in the cache that all threads share
constexpr int64_t FarTiles = 192, NearTiles = 2 * TileRows;     // of a block at least: fewer would spend their time on reading weights
const Reach reach = cache_reach();

int64_t panels(int64_t columns, int64_t width) { return (columns + width - 1) / width; }

// Tiles worked on at a time: as many as fit into a cache, but enough that reading the weights does not take longer than the products. `bytes`: of a tile's values of one point.
// It does not depend on the number of threads, or sums over tiles would.
int64_t tiles_at_a_time(const Tiles& tiles, int64_t bytes, int64_t cache, int64_t least)
{
    const int64_t fit = std::max(cache / (Points * bytes), least);
    const int64_t blocks = (tiles.count() + fit - 1) / fit, even = (tiles.count() + blocks - 1) / blocks;
    return (even + TileRows - 1) / TileRows * TileRows;
}

// Values of one point lie a cache line off a multiple of the page, or all 36 would compete for the same lines of the cache.
int64_t point_stride(int64_t tiles, int64_t channels) { return (tiles * channels + 1023) / 1024 * 1024 + 16; }

at::TensorOptions floats(const at::Tensor& x) { return x.options().dtype(at::kFloat).memory_format(at::MemoryFormat::Contiguous); }

Tiles tiles_of(const at::Tensor& x) { return {x.size(0), x.size(2), x.size(3), x.size(1)}; }

// Some tiles of a map, `together` at a time with their pixels' transformed values.
template <typename T, typename Value, typename Step>
void for_tiles_of(const at::Tensor& map, int64_t first, int64_t count, at::Tensor& value, int64_t stride, Step step, float* inverse = nullptr, const float* bias = nullptr, int64_t together = 1, const float* scale = nullptr)
{
    const Tiles tiles = tiles_of(map);
    share_out((count + together - 1) / together, 4, [&](int64_t begin, int64_t end) {
        std::vector<T> rim(tiles.c);
        step({static_cast<T*>(map.data_ptr()), tiles, first, first + begin * together, first + std::min(end * together, count), static_cast<Value*>(value.data_ptr()), stride, bias, inverse, scale}, rim.data());
    });
}

template <typename F, typename H>
void for_tiles(const at::Tensor& map, int64_t first, int64_t count, at::Tensor& value, int64_t stride, F f32, H bf16, const float* bias = nullptr, float* inverse = nullptr)
{
    map.scalar_type() == at::kFloat ? for_tiles_of<float, float>(map, first, count, value, stride, f32, inverse, bias) : for_tiles_of<uint16_t, float>(map, first, count, value, stride, bf16, inverse, bias);
}

at::Tensor checked(const at::Tensor& x)
{
    TORCH_CHECK(x.is_cpu() && x.dim() == 4, "expected a map (N, C, H, W) in the host's memory");
    TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16, "expected float32 or bfloat16, found ", x.scalar_type());
    return x.contiguous(at::MemoryFormat::ChannelsLast);
}

// Weights of `in` channels as the products' panels, T of the weights, Value of the panels.
template <typename T, typename Value, typename Step>
void pack(const at::Tensor& weight, bool transposed, int64_t in, int64_t out, int64_t width, at::Tensor& packed, int64_t together, Step step)
{
    const T* const from = static_cast<const T*>(weight.data_ptr());
    const int64_t out_step = 9 * (transposed ? 1 : in), in_step = 9 * (transposed ? out : 1), groups = in / together;
    share_out(groups * panels(out, width), 16, [&](int64_t begin, int64_t end) {
        for (int64_t at = begin; at < end; at++)
        {
            const int64_t panel = at / groups, i = at % groups * together;
            step({from + i * in_step + panel * width * out_step, out_step, transposed, static_cast<Value*>(packed.data_ptr()) + (panel * in + i) * width, panels(out, width) * in * width, std::min(width, out - panel * width)},
                 in_step);
        }
    });
}
} // namespace

bool winograd_serves(int64_t in_channels, int64_t out_channels)
{
    return best_steps && in_channels > 0 && out_channels > 0 && in_channels % 16 == 0 && out_channels % 16 == 0;
}

at::Tensor winograd_weights(const at::Tensor& weight, bool transposed, int64_t columns, at::ScalarType factors)
{
    TORCH_CHECK(weight.is_cpu() && weight.dim() == 4 && weight.size(2) == 3 && weight.size(3) == 3, "expected weights (C_out, C_in, 3, 3) in the host's memory, found ", weight.sizes());
    const int64_t in = weight.size(transposed ? 0 : 1), out = weight.size(transposed ? 1 : 0);
    TORCH_CHECK(winograd_serves(in, out), "channels in multiples of 16 expected, found ", weight.sizes());
    const PairSteps* const pairs = pair_steps(factors == at::kHalf && !fits_float16(weight) ? at::kFloat : factors);
    TORCH_CHECK(!pairs || columns == 0 || columns == steps_avx512.panel, "panels of 16 bits have ", steps_avx512.panel, " columns, not ", columns);
    const auto w = (weight.scalar_type() == at::kBFloat16 ? weight : weight.to(at::kFloat)).contiguous();
    const bool halves = w.scalar_type() == at::kBFloat16;
    const Steps* const steps = steps_for(columns);
    const int64_t width = steps->panel;
    const auto make = [&](at::IntArrayRef sizes, at::ScalarType type) {
        auto panels = at::empty(sizes, w.options().dtype(type));
        return out % width == 0 ? panels : panels.zero_(); // columns beyond the outputs
    };
    if (pairs)
    {
        auto packed = make({Points, panels(out, width), in / 2, width, 2}, pairs->type);
        halves ? pack<uint16_t, uint16_t>(w, transposed, in, out, width, packed, 2, pairs->weights_bf16) : pack<float, uint16_t>(w, transposed, in, out, width, packed, 2, pairs->weights_f32);
        return packed;
    }
    auto packed = make({Points, panels(out, width), in, width}, at::kFloat);
    halves ? pack<uint16_t, float>(w, transposed, in, out, width, packed, 1, [&](const WeightStep<uint16_t>& s, int64_t) { steps->weights_bf16(s); })
           : pack<float, float>(w, transposed, in, out, width, packed, 1, [&](const WeightStep<float>& s, int64_t) { steps->weights_f32(s); });
    return packed;
}

at::Tensor winograd_convolution(const at::Tensor& input, const at::Tensor& packed, int64_t out, const c10::optional<at::Tensor>& bias)
{
    const auto x = checked(input);
    TORCH_CHECK(best_steps && packed.is_cpu() && packed.is_contiguous() && packed.dim() == (packed.scalar_type() == at::kFloat ? 4 : 5), "weights of winograd_weights expected, found ", packed.scalar_type(), " ", packed.sizes());
    const PairSteps* const pairs = pair_steps(packed.scalar_type());
    TORCH_CHECK(!pairs || x.scalar_type() == at::kBFloat16, "weights packed in 16 bits are for bfloat16 maps, found ", x.scalar_type());
    const Steps* const steps = steps_for(packed.size(3));
    const int64_t in = x.size(1), width = steps->panel;
    TORCH_CHECK(winograd_serves(in, out) && (!pairs || width == steps_avx512.panel) && packed.size(0) == Points && packed.size(1) == panels(out, width) && packed.size(2) == (pairs ? in / 2 : in) && packed.size(3) == width, "weights packed for ", packed.sizes(), " do not fit ", in, " to ", out, " channels");
    const auto b = bias.has_value() && bias->defined() ? bias->to(at::kFloat).contiguous() : at::Tensor();
    TORCH_CHECK(!b.defined() || b.numel() == out, "a bias of ", out, " channels expected, found ", b.sizes());
    auto y = at::empty({x.size(0), out, x.size(2), x.size(3)}, x.options(), at::MemoryFormat::ChannelsLast);
    const Tiles tiles = tiles_of(x);
    if (tiles.count() == 0)
    {
        return y;
    }
    const int64_t threads = at::get_num_threads(), bytes = (pairs ? 2 : 4) * in + 4 * out, weights = packed.nbytes(), near_block = tiles_at_a_time(tiles, bytes, reach.block(weights), NearTiles);
    const bool near = weights <= reach.near_weights && tiles.count() >= threads * near_block;
    const int64_t block = near ? near_block : tiles_at_a_time(tiles, bytes, FarBlock, FarTiles), blocks = (tiles.count() + block - 1) / block;
    const int64_t in_stride = point_stride(block, in), out_stride = point_stride(block, out);
    const auto run = [&](int64_t begin, int64_t end) {
        auto v = at::empty({Points * in_stride}, pairs ? floats(x).dtype(pairs->type) : floats(x)), m = at::empty({Points * out_stride}, floats(x));
        std::vector<float> inverse(block);
        float* const scales = pairs && pairs->scaled ? inverse.data() : nullptr;
        for (int64_t first = begin * block; first < std::min(end * block, tiles.count()); first += block)
        {
            const int64_t count = std::min(block, tiles.count() - first);
            pairs ? for_tiles_of<uint16_t, uint16_t>(x, first, count, v, in_stride, pairs->inputs, scales) : for_tiles(x, first, count, v, in_stride, steps->inputs_f32, steps->inputs_bf16);
            share_out(Points * panels(out, width), 1, [&](int64_t from, int64_t to) {
                for (int64_t at = from; at < to; at++)
                {
                    const int64_t point = at / panels(out, width), panel = at % panels(out, width), vectors = std::min(width, out - panel * width) / steps->lanes;
                    float* const sums = m.data_ptr<float>() + point * out_stride + panel * width;
                    for (int64_t depth = 0; depth < in; depth += DepthBlock)
                    {
                        const int64_t a = point * in_stride + depth, w = (at * in + depth) * width, deep = std::min(DepthBlock, in - depth);
                        pairs ? pairs->multiply({static_cast<const uint16_t*>(v.data_ptr()) + a, in, 2, static_cast<const uint16_t*>(packed.data_ptr()) + w, 2 * width, sums, out, count, deep, depth > 0}, vectors)
                              : steps->multiply({v.data_ptr<float>() + a, in, 1, packed.data_ptr<float>() + w, width, sums, out, count, deep, depth > 0}, vectors);
                    }
                }
            });
            for_tiles(y, first, count, m, out_stride, steps->outputs_f32, steps->outputs_bf16, b.defined() ? b.data_ptr<float>() : nullptr, scales);
        }
    };
    if (near)
    {
        share_out(blocks, 1, run); // what it calls then runs on one thread
    }
    else
    {
        run(0, blocks);
    }
    return y;
}

at::Tensor winograd_weight_gradient(const at::Tensor& input, const at::Tensor& gradient)
{
    const auto x = checked(input), dy = checked(gradient);
    const int64_t in = x.size(1), out = dy.size(1);
    TORCH_CHECK(winograd_serves(in, out) && x.size(0) == dy.size(0) && x.size(2) == dy.size(2) && x.size(3) == dy.size(3), "a map ", x.sizes(), " and the gradient ", dy.sizes(), " do not belong together");
    const PairSteps* const pairs = pair_steps(factors_for(x.scalar_type() == at::kBFloat16 && dy.scalar_type() == at::kBFloat16));
    const Steps* const steps = best_steps;
    const int64_t width = steps->panel;
    const Tiles tiles = tiles_of(x);
    if (tiles.count() == 0)
    {
        return at::zeros({out, in, 3, 3}, floats(x));
    }
    auto du = at::empty({Points, in, out}, floats(x)), dw = at::empty({out, in, 3, 3}, floats(x));
    const auto values = pairs ? floats(x).dtype(pairs->type) : floats(x);
    const int64_t block = tiles_at_a_time(tiles, values.dtype().itemsize() * (in + out), FarBlock, FarTiles), in_stride = point_stride(block, in), out_stride = point_stride(block, out);
    auto v = at::empty({Points * in_stride}, values), m = at::empty({Points * out_stride}, values);
    const bool scaled = pairs && pairs->scaled;
    constexpr float Smaller = 1.0f / 32; // the transforms make inputs up to 28 times as large and gradients 66 times, and sums of 256 products must stay below 65,504
    const ChannelScales of_x = scaled ? channel_scales(x, in, 1) : ChannelScales{}, of_dy = scaled ? channel_scales(dy, out, Smaller) : ChannelScales{};
    const float *const x_scale = scaled ? of_x.scale.data_ptr<float>() : nullptr, *const dy_scale = scaled ? of_dy.scale.data_ptr<float>() : nullptr;
    for (int64_t first = 0; first < tiles.count(); first += block)
    {
        const int64_t count = std::min(block, tiles.count() - first), filled = pairs ? (count + 1) / 2 * 2 : count;
        if (pairs)
        {
            for_tiles_of<uint16_t, uint16_t>(x, first, count, v, in_stride, pairs->input_pairs, nullptr, nullptr, 2, x_scale);
            for_tiles_of<uint16_t, uint16_t>(dy, first, count, m, out_stride, pairs->gradient_pairs, nullptr, nullptr, 2, dy_scale);
        }
        else
        {
            for_tiles(x, first, count, v, in_stride, steps->inputs_f32, steps->inputs_bf16);
            for_tiles(dy, first, count, m, out_stride, steps->gradients_f32, steps->gradients_bf16);
        }
        share_out(Points * panels(out, width), 1, [&](int64_t begin, int64_t end) {
            for (int64_t at = begin; at < end; at++)
            {
                const int64_t point = at / panels(out, width), column = at % panels(out, width) * width, vectors = std::min(width, out - column) / steps->lanes;
                float* const sums = du.data_ptr<float>() + point * in * out + column;
                for (int64_t depth = 0; depth < filled; depth += DepthBlock)
                {
                    const int64_t a = point * in_stride + depth * in, g = point * out_stride + depth * out, deep = std::min(DepthBlock, filled - depth);
                    pairs ? pairs->multiply({static_cast<const uint16_t*>(v.data_ptr()) + a, 2, 2 * in, static_cast<const uint16_t*>(m.data_ptr()) + g + 2 * column, 2 * out, sums, out, in, deep, first + depth > 0}, vectors)
                          : steps->multiply({v.data_ptr<float>() + a, 1, in, m.data_ptr<float>() + g + column, out, sums, out, in, deep, first + depth > 0}, vectors);
                }
            }
        });
    }
    share_out(in, 1, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; i++)
        {
            steps->weight_gradients({du.data_ptr<float>() + i * out, in * out, out, dw.data_ptr<float>() + 9 * i, 9 * in});
        }
    });
    return scaled ? dw.mul_(of_dy.inverse.view({out, 1, 1, 1})).mul_(of_x.inverse.view({1, in, 1, 1})) : dw;
}
#else
bool winograd_serves(int64_t, int64_t) { return false; }
at::Tensor winograd_weights(const at::Tensor&, bool, int64_t, at::ScalarType) { TORCH_CHECK(false, "this processor has no such kernel"); }
at::Tensor winograd_convolution(const at::Tensor&, const at::Tensor&, int64_t, const c10::optional<at::Tensor>&) { TORCH_CHECK(false, "this processor has no such kernel"); }
at::Tensor winograd_weight_gradient(const at::Tensor&, const at::Tensor&) { TORCH_CHECK(false, "this processor has no such kernel"); }
#endif
} // namespace diffract
