// What this processor can do, found once.
#pragma once
#include <cstdint>

namespace diffract
{
enum class Vectors
{
    none,
    avx2,
    avx512
};

// The widest that kernels may use; DIFFRACT_KERNELS=avx2 leaves AVX-512 aside.
Vectors best_vectors();

// What the factors of products may be.
enum class Factors
{
    float32,
    bfloat16,
    float16
};

// Whether it has such products (AVX512_BF16, AVX512_FP16), and this build can use them.
bool multiplies(Factors factors);

// Those that bfloat16 maps are multiplied by fastest (pair_tile.h and amx_tile.h have the rates); DIFFRACT_KERNELS=avx512, avx512_bf16 or avx512_fp16 chooses among those it has.
Factors reduced_factors();

// How far a thread's own second-level cache reaches in a convolution.
struct Reach
{
    int64_t near_weights; // bytes of weights that every thread may read again for each of its own blocks: no thread then waits for another
    int64_t small_weights, small_block, large_block; // bytes of transformed values of a block, for weights up to those of small_weights and for larger ones
    int64_t block(int64_t weights) const { return weights <= small_weights ? small_block : large_block; }
};

// Measured on an Intel processor with 2 MB of that cache, whose threads read 30 GB/s from the next, so that large weights pay for larger blocks; and on AMD's Zen 5, which has 1 MB and reads faster.
Reach cache_reach();

// What multiplies registers of 16 rows of bfloat16.
enum class MatrixUnit
{
    none,
    amx,
    software // a slow one to test with: DIFFRACT_KERNELS=amx_in_software
};

// None where DIFFRACT_KERNELS names vectors.
MatrixUnit matrix_unit();
} // namespace diffract
