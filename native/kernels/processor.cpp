#include "processor.h"
#include "vectors.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace diffract
{
Vectors best_vectors()
{
#ifdef DIFFRACT_VECTORS
    __builtin_cpu_init();
    const char* const wanted = std::getenv("DIFFRACT_KERNELS");
    const bool narrow = wanted && std::strcmp(wanted, "avx2") == 0;
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return wide && !narrow ? Vectors::avx512 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") ? Vectors::avx2 : Vectors::none;
#else
    return Vectors::none;
#endif
}

bool multiplies_pairs()
{
#ifdef DIFFRACT_PAIRS
    static const bool has = [] {
        const char* const wanted = std::getenv("DIFFRACT_KERNELS");
        return best_vectors() == Vectors::avx512 && __builtin_cpu_supports("avx512bf16") && !(wanted && std::strcmp(wanted, "avx512") == 0);
    }();
    return has;
#else
    return false;
#endif
}

bool multiplies_matrices()
{
#if defined(__x86_64__)
    unsigned a = 0, b = 0, c = 0, d = 0;
    static const bool has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d >> 22 & 1);
    return has;
#else
    return false;
#endif
}
} // namespace diffract
