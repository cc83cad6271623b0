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
} // namespace diffract
