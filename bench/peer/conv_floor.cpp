// The convolutions of a net and nothing else, in oneDNN with weights packed beforehand: a floor for what a pass can take.
//   conv_floor SHAPES BATCH        SHAPES: lines of  channels_in side_in channels_out kernel stride count
// Each shape runs as bfloat16, as float32 and as float32 by Winograd's algorithm where oneDNN has it; the fastest of the three counts.
// Prints one JSON line: seconds a picture of the fastest, and of each kind alone. Build: g++ -O2 conv_floor.cpp -ldnnl
#include <dnnl.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace
{
using Type = dnnl::memory::data_type;

struct Shape
{
    long in, side, out, kernel, stride, count;
};

struct Kind
{
    Type type;
    dnnl::algorithm algorithm;
    double seconds; // a picture, all shapes
};

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

// Ordinary values: zeros or denormals would take another time.
void fill(const dnnl::memory& memory, Type type)
{
    const size_t bytes = memory.get_desc().get_size();
    if (type == Type::f32)
    {
        auto* const values = static_cast<float*>(memory.get_data_handle());
        for (size_t i = 0; i < bytes / 4; i++) { values[i] = 0.5f + float(i % 97) / 97; }
    }
    else
    {
        auto* const values = static_cast<uint16_t*>(memory.get_data_handle());
        for (size_t i = 0; i < bytes / 2; i++) { values[i] = uint16_t(0x3f00 + i % 97); }
    }
}

// Median seconds of one convolution; negative where oneDNN has none of this kind.
double measure(const Shape& s, long batch, const Kind& kind, dnnl::engine& cpu, dnnl::stream& stream)
{
    const long pad = s.kernel / 2, side_out = s.side / s.stride;
    const auto any = dnnl::memory::format_tag::any, rows = dnnl::memory::format_tag::nhwc;
    const dnnl::memory::desc from({batch, s.in, s.side, s.side}, kind.type, kind.algorithm == dnnl::algorithm::convolution_winograd ? any : rows), weights({s.out, s.in, s.kernel, s.kernel}, kind.type, any),
        to({batch, s.out, side_out, side_out}, kind.type, kind.algorithm == dnnl::algorithm::convolution_winograd ? any : rows);
    try
    {
        const dnnl::convolution_forward::desc what(dnnl::prop_kind::forward_inference, kind.algorithm, from, weights, to, {s.stride, s.stride}, {pad, pad}, {pad, pad});
        const dnnl::convolution_forward::primitive_desc plan(what, cpu);
        const dnnl::convolution_forward convolution(plan);
        dnnl::memory a(plan.src_desc(), cpu), w(plan.weights_desc(), cpu), b(plan.dst_desc(), cpu);
        fill(a, kind.type);
        fill(w, kind.type);
        std::vector<double> times;
        for (const double end = now() + 0.25; times.size() < 4 || (now() < end && times.size() < 50);)
        {
            const double start = now();
            convolution.execute(stream, {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, b}});
            stream.wait();
            times.push_back(now() - start);
        }
        std::sort(times.begin() + 1, times.end()); // the first warmed up
        return times[1 + (times.size() - 1) / 2];
    }
    catch (const dnnl::error&)
    {
        return -1;
    }
}
} // namespace

int main(int count, char** arguments)
{
    if (count != 3)
    {
        std::fprintf(stderr, "conv_floor SHAPES BATCH\n");
        return 2;
    }
    std::ifstream file(arguments[1]);
    const long batch = std::atol(arguments[2]);
    dnnl::engine cpu(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(cpu);
    Kind kinds[] = {{Type::bf16, dnnl::algorithm::convolution_direct, 0}, {Type::f32, dnnl::algorithm::convolution_direct, 0}, {Type::f32, dnnl::algorithm::convolution_winograd, 0}};
    double fastest = 0;
    for (Shape s; file >> s.in >> s.side >> s.out >> s.kernel >> s.stride >> s.count;)
    {
        double least = 1e30, direct = 0;
        for (auto& kind : kinds)
        {
            const double seconds = measure(s, batch, kind, cpu, stream);
            direct = kind.algorithm == dnnl::algorithm::convolution_direct ? seconds : direct;
            const double counted = seconds < 0 ? direct : seconds; // no Winograd for 1x1: direct there
            kind.seconds += s.count * counted / batch;
            least = std::min(least, counted);
        }
        fastest += s.count * least / batch;
    }
    const auto* const version = dnnl_version();
    const char* const threads = std::getenv("OMP_NUM_THREADS");
    std::printf("{\"median\": %.6f, \"bf16\": %.6f, \"fp32\": %.6f, \"winograd\": %.6f, \"threads\": %d, \"engine\": \"oneDNN %d.%d.%d\"}\n", fastest, kinds[0].seconds, kinds[1].seconds, kinds[2].seconds,
        threads ? std::atoi(threads) : 0, version->major, version->minor, version->patch);
}
