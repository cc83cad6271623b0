// What this processor can do, found once.
#pragma once

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

// Whether it multiplies pairs of bfloat16 (AVX512_BF16), and this build can; DIFFRACT_KERNELS=avx512 leaves that aside.
bool multiplies_pairs();

// Whether it multiplies matrices of bfloat16 (AMX-BF16), many times as fast.
bool multiplies_matrices();
} // namespace diffract
