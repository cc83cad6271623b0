// The product of pair_tile.h in a processor's matrix unit (AMX-BF16): c (rows x width) = or += a (rows x depth) times b (depth x width), factors of bfloat16, sums of float32.
// The unit has eight registers of 16 rows of 64 bytes, and one instruction adds the product of two to a third:
//
//     c[i][j] += a[i][2 k] b[k][j][0] + a[i][2 k + 1] b[k][j][1]          i, j, k < 16
//
// A block of 32 rows and 32 columns takes four registers for c, two for a and two for b: each that is loaded is used twice.
// Ceiling: one instruction, 8,192 multiply-adds, in 16 cycles (Intel's optimization manual). Not measured: the processors at hand had no such unit, so the loop was tested
// with SoftwareUnit, and the unit itself is asked for a known product before it is used.
#pragma once
#include "pair_tile.h"

#ifdef DIFFRACT_PAIRS
#include <c10/util/Exception.h>

namespace diffract
{
constexpr int64_t UnitRows = 16, UnitBytes = 64, UnitDepth = 32; // of a register; values of bfloat16 in a row
constexpr int64_t DepthAtATime = 256;                            // of rows that are turned first, 16 KB for a block

// Which part of each register is in use, as the processor reads it.
struct alignas(64) UnitShape
{
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t bytes[16] = {};
    uint8_t rows[16] = {};

    void use(int64_t at, int64_t height, int64_t width)
    {
        rows[at] = static_cast<uint8_t>(height);
        bytes[at] = static_cast<uint16_t>(width);
    }
};
static_assert(sizeof(UnitShape) == 64);

// The instructions. Registers are named in the instruction itself, so they are template parameters.
struct Amx
{
    static DIFFRACT_INLINE void shape(const UnitShape& shape) { asm volatile("ldtilecfg %0" : : "m"(shape)); }
    static DIFFRACT_INLINE void release() { asm volatile("tilerelease"); }

    template <int To>
    static DIFFRACT_INLINE void zero() { asm volatile("tilezero %%tmm%c0" : : "i"(To)); }

    template <int To>
    static DIFFRACT_INLINE void load(const void* p, int64_t step) { asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(To), "r"(p), "r"(step) : "memory"); }

    template <int From>
    static DIFFRACT_INLINE void store(void* p, int64_t step) { asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(From), "r"(p), "r"(step) : "memory"); }

    template <int C, int A, int B>
    static DIFFRACT_INLINE void multiply() { asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B)); }
};

// The same in ordinary instructions, with the faults that the processor would raise: for tests where there is no such unit.
class SoftwareUnit
{
public:
    static void shape(const UnitShape& shape)
    {
        TORCH_CHECK(shape.palette == 1 && shape.start == 0, "no such palette");
        for (int at = 0; at < 8; at++)
        {
            TORCH_CHECK(shape.rows[at] <= UnitRows && shape.bytes[at] <= UnitBytes && (shape.rows[at] == 0) == (shape.bytes[at] == 0), "register ", at, " cannot have ", int(shape.rows[at]), " rows of ", shape.bytes[at], " bytes");
        }
        _shape = shape;
        std::memset(_values, 0, sizeof(_values));
    }

    static void release() { _shape = {}; }

    template <int To>
    static void zero()
    {
        check(To);
        std::memset(_values[To], 0, sizeof(_values[To]));
    }

    template <int To>
    static void load(const void* p, int64_t step)
    {
        zero<To>();
        for (int row = 0; row < _shape.rows[To]; row++)
        {
            std::memcpy(_values[To][row], static_cast<const char*>(p) + row * step, _shape.bytes[To]);
        }
    }

    template <int From>
    static void store(void* p, int64_t step)
    {
        check(From);
        for (int row = 0; row < _shape.rows[From]; row++)
        {
            std::memcpy(static_cast<char*>(p) + row * step, _values[From][row], _shape.bytes[From]);
        }
    }

    template <int C, int A, int B>
    static void multiply()
    {
        static_assert(C != A && C != B && A != B);
        TORCH_CHECK(_shape.bytes[A] % 4 == 0 && _shape.bytes[C] % 4 == 0, "registers hold pairs and float32");
        const int rows = _shape.rows[C], columns = _shape.bytes[C] / 4, depth = _shape.bytes[A] / 4;
        TORCH_CHECK(_shape.rows[A] == rows && _shape.bytes[B] == _shape.bytes[C] && _shape.rows[B] == depth && depth > 0, "registers ", A, " and ", B, " do not fit ", C);
        for (int i = 0; i < rows; i++)
        {
            for (int j = 0; j < columns; j++)
            {
                float sum;
                std::memcpy(&sum, _values[C][i] + 4 * j, 4);
                for (int k = 0; k < depth; k++)
                {
                    sum += value<A>(i, 2 * k) * value<B>(k, 2 * j) + value<A>(i, 2 * k + 1) * value<B>(k, 2 * j + 1);
                }
                std::memcpy(_values[C][i] + 4 * j, &sum, 4);
            }
        }
    }

private:
    static void check(int at) { TORCH_CHECK(_shape.rows[at] > 0, "register ", at, " has no shape"); }

    template <int At>
    static float value(int row, int column)
    {
        uint16_t half;
        std::memcpy(&half, _values[At][row] + 2 * column, 2);
        const uint32_t word = uint32_t{half} << 16;
        float value;
        std::memcpy(&value, &word, 4);
        return value;
    }

    static inline thread_local UnitShape _shape = {};
    static inline thread_local char _values[8][UnitRows][UnitBytes] = {};
};

// Registers: c 0 to 3, row by row; a 4 and 5; b 6 and 7. The last rows of a block may be fewer than 32.
inline UnitShape shape_of(int64_t rows, int64_t depth)
{
    UnitShape shape;
    for (int64_t down = 0; down < 2; down++)
    {
        if (const int64_t height = std::min(rows - down * UnitRows, UnitRows); height > 0)
        {
            shape.use(2 * down, height, UnitBytes);
            shape.use(2 * down + 1, height, UnitBytes);
            shape.use(4 + down, height, 2 * depth);
        }
        shape.use(6 + down, depth / 2, UnitBytes);
    }
    return shape;
}

// Down times Across registers of c over one depth; steps between rows in bytes.
template <typename Unit, int Down, int Across>
DIFFRACT_INLINE void multiply_registers(const PairProduct& p, const char* a, int64_t a_step, const char* b, char* c, int64_t depth)
{
    const int64_t b_step = 2 * p.b_pair, c_step = 4 * p.c_row;
    const auto each = [&](auto one) {
        one(std::integral_constant<int, 0>{}, c);
        if constexpr (Across == 2)
        {
            one(std::integral_constant<int, 1>{}, c + UnitBytes);
        }
        if constexpr (Down == 2)
        {
            one(std::integral_constant<int, 2>{}, c + UnitRows * c_step);
        }
        if constexpr (Down == 2 && Across == 2)
        {
            one(std::integral_constant<int, 3>{}, c + UnitRows * c_step + UnitBytes);
        }
    };
    each([&](auto at, char* to) { p.add ? Unit::template load<at>(to, c_step) : Unit::template zero<at>(); });
    for (int64_t k = 0; k < p.depth; k += depth, a += 2 * depth, b += depth / 2 * b_step)
    {
        Unit::template load<6>(b, b_step);
        Unit::template load<4>(a, a_step);
        Unit::template multiply<0, 4, 6>();
        if constexpr (Across == 2)
        {
            Unit::template load<7>(b + UnitBytes, b_step);
            Unit::template multiply<1, 4, 7>();
        }
        if constexpr (Down == 2)
        {
            Unit::template load<5>(a + UnitRows * a_step, a_step);
            Unit::template multiply<2, 5, 6>();
        }
        if constexpr (Down == 2 && Across == 2)
        {
            Unit::template multiply<3, 5, 7>();
        }
    }
    each([&](auto at, char* to) { Unit::template store<at>(to, c_step); });
}

// Sixteen rows of sixteen words to columns.
DIFFRACT_AVX512 inline void transpose(__m512i (&r)[16])
{
    __m512i t[16];
    for (int i = 0; i < 16; i += 2)
    {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4)
    {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int j = 0; j < 4; j++) // quarter q of r[4 i + j]: column 4 q + j of rows 4 i to 4 i + 3
    {
        const __m512i even = _mm512_shuffle_i32x4(r[j], r[4 + j], 0x88), even_below = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0x88);
        const __m512i odd = _mm512_shuffle_i32x4(r[j], r[4 + j], 0xdd), odd_below = _mm512_shuffle_i32x4(r[8 + j], r[12 + j], 0xdd);
        t[j] = _mm512_shuffle_i32x4(even, even_below, 0x88);
        t[4 + j] = _mm512_shuffle_i32x4(odd, odd_below, 0x88);
        t[8 + j] = _mm512_shuffle_i32x4(even, even_below, 0xdd);
        t[12 + j] = _mm512_shuffle_i32x4(odd, odd_below, 0xdd);
    }
    std::copy(t, t + 16, r);
}

// Up to 32 rows whose pairs lie `step` words apart, row beside row, to rows of DepthAtATime values.
DIFFRACT_AVX512 inline void turn_rows(const uint16_t* from, int64_t step, int64_t rows, int64_t pairs, uint32_t* to)
{
    const uint32_t* const words = reinterpret_cast<const uint32_t*>(from);
    for (int64_t row = 0; row < rows; row += 16)
    {
        const __mmask16 there = static_cast<__mmask16>((1u << std::min<int64_t>(rows - row, 16)) - 1);
        for (int64_t pair = 0; pair < pairs; pair += 16)
        {
            __m512i block[16];
            for (int64_t k = 0; k < 16; k++)
            {
                block[k] = pair + k < pairs ? _mm512_maskz_loadu_epi32(there, words + (pair + k) * step + row) : _mm512_setzero_si512();
            }
            transpose(block);
            for (int64_t i = 0; i < 16; i++)
            {
                _mm512_store_si512(to + (row + i) * (DepthAtATime / 2) + pair, block[i]);
            }
        }
    }
}

// A depth that is a multiple of 32, or below.
template <typename Unit>
void multiply_slice(const PairProduct& p, int64_t vectors)
{
    alignas(64) uint32_t turned[2 * UnitRows * DepthAtATime / 2];
    const int64_t depth = std::min(p.depth, UnitDepth);
    for (int64_t row = 0, shaped = 0; row < p.rows; row += 2 * UnitRows)
    {
        const int64_t rows = std::min(2 * UnitRows, p.rows - row);
        if (shaped != rows)
        {
            Unit::shape(shape_of(rows, depth));
            shaped = rows;
        }
        const char* a = reinterpret_cast<const char*>(p.a + row * p.a_row);
        int64_t a_step = 2 * p.a_row;
        if (p.a_pair != 2)
        {
            turn_rows(p.a + row * p.a_row, p.a_pair / 2, rows, p.depth / 2, turned);
            a = reinterpret_cast<const char*>(turned);
            a_step = 2 * DepthAtATime;
        }
        for (int64_t vector = 0; vector < vectors; vector += 2)
        {
            const char* const b = reinterpret_cast<const char*>(p.b) + vector * UnitBytes;
            char* const c = reinterpret_cast<char*>(p.c + row * p.c_row) + vector * UnitBytes;
            const bool two = vector + 1 < vectors;
            rows > UnitRows ? (two ? multiply_registers<Unit, 2, 2> : multiply_registers<Unit, 2, 1>)(p, a, a_step, b, c, depth) : (two ? multiply_registers<Unit, 1, 2> : multiply_registers<Unit, 1, 1>)(p, a, a_step, b, c, depth);
        }
    }
}

// As multiply_by_panel does; where a's pairs do not lie side by side (a_pair 2), its rows do (a_row 2).
template <typename Unit>
void multiply_by_unit(const PairProduct& p, int64_t vectors)
{
    for (int64_t k = 0, depth = 0; k < p.depth; k += depth)
    {
        depth = p.depth - k < UnitDepth ? p.depth - k : std::min(DepthAtATime, (p.depth - k) / UnitDepth * UnitDepth);
        multiply_slice<Unit>({p.a + k / 2 * p.a_pair, p.a_row, p.a_pair, p.b + k / 2 * p.b_pair, p.b_pair, p.c, p.c_row, p.rows, depth, p.add || k > 0}, vectors);
    }
    Unit::release();
}
} // namespace diffract
#endif
