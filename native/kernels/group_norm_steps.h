// What group_norm_silu.cpp does with some rows of a map: loops for every processor and number of channels, which the compiler turns into vector code, then those that AVX-512 has for
// whole vectors of channels.
#pragma once
#include "halves.h"

namespace diffract
{
// Sums of x - pivot and its square, for each channel, over some rows.
template <typename T>
DIFFRACT_INLINE void sum_rows(const T* __restrict x, int64_t rows, int64_t c, const float* __restrict pivot, float* __restrict sum, float* __restrict squares)
{
    for (int64_t i = 0; i < c; i++)
    {
        sum[i] = squares[i] = 0;
    }
    for (int64_t row = 0; row < rows; row++, x += c)
    {
#pragma GCC ivdep
        for (int64_t i = 0; i < c; i++)
        {
            float v = load(x + i) - pivot[i];
            sum[i] += v;
            squares[i] += v * v;
        }
    }
}

template <typename T>
DIFFRACT_INLINE void apply_rows(const T* __restrict x, T* __restrict y, int64_t rows, int64_t c, const float* __restrict factor, const float* __restrict offset, const float* __restrict mean, bool silu)
{
    for (int64_t row = 0; row < rows; row++, x += c, y += c)
    {
        if (silu)
        {
#pragma GCC ivdep
            for (int64_t i = 0; i < c; i++)
            {
                float z = (load(x + i) - mean[i]) * factor[i] + offset[i];
                store(y + i, z * sigmoid(z));
            }
        }
        else
        {
#pragma GCC ivdep
            for (int64_t i = 0; i < c; i++)
            {
                store(y + i, (load(x + i) - mean[i]) * factor[i] + offset[i]);
            }
        }
    }
}

// Of SiLU where gate is 1, of the straight line where it is 0.
DIFFRACT_INLINE float slope_of(float z, float gate)
{
    const float s = sigmoid(z);
    return s * (1.0f + z * (1.0f - s)) * gate + (1.0f - gate);
}

// dz = dy * silu'(z); sums over some rows of dz and dz * x, for each channel.
template <typename T>
DIFFRACT_INLINE void gradient_sums(const T* __restrict dy, const T* __restrict x, int64_t rows, int64_t c, const float* __restrict factor, const float* __restrict offset, const float* __restrict mean, bool silu, float* __restrict sum, float* __restrict product)
{
    for (int64_t i = 0; i < c; i++)
    {
        sum[i] = product[i] = 0;
    }
    const float gate = silu ? 1.0f : 0.0f; // a choice without a branch
    for (int64_t row = 0; row < rows; row++, x += c, dy += c)
    {
#pragma GCC ivdep
        for (int64_t i = 0; i < c; i++)
        {
            float v = load(x + i) - mean[i];
            float dz = load(dy + i) * slope_of(v * factor[i] + offset[i], gate);
            sum[i] += dz;
            product[i] += dz * v;
        }
    }
}

// dx = dz * factor - (constant + slope * (x - mean)).
template <typename T>
DIFFRACT_INLINE void gradient_rows(const T* __restrict dy, const T* __restrict x, T* __restrict dx, int64_t rows, int64_t c, const float* __restrict factor, const float* __restrict offset, const float* __restrict mean, const float* __restrict constant, const float* __restrict slope, bool silu)
{
    const float gate = silu ? 1.0f : 0.0f; // a choice without a branch
    for (int64_t row = 0; row < rows; row++, x += c, dy += c, dx += c)
    {
#pragma GCC ivdep
        for (int64_t i = 0; i < c; i++)
        {
            float v = load(x + i) - mean[i];
            float dz = load(dy + i) * slope_of(v * factor[i] + offset[i], gate);
            store(dx + i, dz * factor[i] - constant[i] - slope[i] * v);
        }
    }
}
} // namespace diffract

#ifdef DIFFRACT_VECTORS
namespace diffract
{
// Sums of x - pivot and its square over some rows, for `Vectors` vectors of channels, which stay in registers.
template <typename V, int Vectors, typename T>
DIFFRACT_INLINE void sum_vectors(const T* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares)
{
    constexpr int64_t lanes = Lanes<V>::count;
    V middle[Vectors], sums[Vectors] = {}, products[Vectors] = {};
    for (int j = 0; j < Vectors; j++)
    {
        load(middle[j], pivot + j * lanes);
    }
    for (int64_t row = 0; row < rows; row++, x += c)
    {
        for (int j = 0; j < Vectors; j++)
        {
            V value;
            load(value, x + j * lanes);
            value -= middle[j];
            sums[j] += value;
            products[j] += value * value;
        }
    }
    for (int j = 0; j < Vectors; j++)
    {
        store(sum + j * lanes, sums[j]);
        store(squares + j * lanes, products[j]);
    }
}

template <typename V, typename T>
DIFFRACT_INLINE void sum_whole(const T* x, int64_t rows, int64_t c, const float* pivot, float* sum, float* squares)
{
    constexpr int64_t lanes = Lanes<V>::count, most = 4;
    int64_t i = 0;
    for (; i + most * lanes <= c; i += most * lanes)
    {
        sum_vectors<V, most>(x + i, rows, c, pivot + i, sum + i, squares + i);
    }
    for (; i < c; i += lanes)
    {
        sum_vectors<V, 1>(x + i, rows, c, pivot + i, sum + i, squares + i);
    }
}

// What z = (x - mean) * factor + offset is made of, for one vector of channels.
struct Modulation
{
    Floats16 factor, offset, mean;
    DIFFRACT_AVX512 Modulation(const float* factors, const float* offsets, const float* means)
    {
        load(factor, factors);
        load(offset, offsets);
        load(mean, means);
    }
};

DIFFRACT_AVX512 inline void silu(Floats16& z) { z *= sigmoid_for_bfloat16(z); }

// y = silu(z), bfloat16, rounded as Y says.
template <typename Y>
DIFFRACT_INLINE void silu_whole(const uint16_t* x, Y* y, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean)
{
    for (int64_t row = 0; row < rows; row++, x += c, y += c)
    {
        for (int64_t i = 0; i < c; i += 16)
        {
            const Modulation m(factor + i, offset + i, mean + i);
            Floats16 value;
            load(value, x + i);
            Floats16 z = (value - m.mean) * m.factor + m.offset;
            silu(z);
            store(y + i, z);
        }
    }
}

// dz = dy * silu'(z), and v = x - mean.
DIFFRACT_AVX512 inline void silu_gradient(const uint16_t* dy, const uint16_t* x, const Modulation& m, Floats16& dz, Floats16& v)
{
    load(v, x);
    v -= m.mean;
    const Floats16 z = v * m.factor + m.offset, s = sigmoid_for_bfloat16(z);
    load(dz, dy);
    dz *= s * (1.0f + z * (1.0f - s));
}

// Sums of dz and dz * v over some rows.
DIFFRACT_AVX512 inline void gradient_sums_whole(const uint16_t* dy, const uint16_t* x, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, float* sum, float* product)
{
    for (int64_t i = 0; i < c; i += 16)
    {
        const Modulation m(factor + i, offset + i, mean + i);
        Floats16 sums = {}, products = {};
        for (int64_t row = 0; row < rows; row++)
        {
            Floats16 dz, v;
            silu_gradient(dy + row * c + i, x + row * c + i, m, dz, v);
            sums += dz;
            products += dz * v;
        }
        store(sum + i, sums);
        store(product + i, products);
    }
}

// dx = dz * factor - (constant + slope * v), rounded as Y says.
template <typename Y>
DIFFRACT_INLINE void gradient_rows_whole(const uint16_t* dy, const uint16_t* x, Y* dx, int64_t rows, int64_t c, const float* factor, const float* offset, const float* mean, const float* constant, const float* slope)
{
    for (int64_t row = 0; row < rows; row++, x += c, dy += c, dx += c)
    {
        for (int64_t i = 0; i < c; i += 16)
        {
            const Modulation m(factor + i, offset + i, mean + i);
            Floats16 dz, v, base, times;
            load(base, constant + i);
            load(times, slope + i);
            silu_gradient(dy + i, x + i, m, dz, v);
            store(dx + i, dz * m.factor - base - times * v);
        }
    }
}
} // namespace diffract
#endif
