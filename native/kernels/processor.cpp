#include "processor.h"
#include "amx.h"
#include "vectors.h"

#include <cstdlib>
#include <cstring>

#if defined(__unix__)
#include <unistd.h>
#endif

namespace diffract
{
namespace
{
bool wanted(const char* kernels)
{
    const char* const set = std::getenv("DIFFRACT_KERNELS");
    return set && std::strcmp(set, kernels) == 0;
}
} // namespace

Vectors best_vectors()
{
#ifdef DIFFRACT_VECTORS
    static const Vectors best = [] {
        __builtin_cpu_init();
        const bool narrow = wanted("avx2");
        const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
        return wide && !narrow ? Vectors::avx512 : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") ? Vectors::avx2 : Vectors::none;
    }();
    return best;
#else
    return Vectors::none;
#endif
}

bool multiplies(Factors factors)
{
    switch (factors)
    {
#ifdef DIFFRACT_PAIRS
    case Factors::bfloat16: return best_vectors() == Vectors::avx512 && __builtin_cpu_supports("avx512bf16");
#endif
#ifdef DIFFRACT_FLOAT16
    case Factors::float16: return best_vectors() == Vectors::avx512 && __builtin_cpu_supports("avx512fp16");
#endif
    case Factors::float32: return best_vectors() != Vectors::none;
    default: return false;
    }
}

Factors reduced_factors()
{
#ifdef DIFFRACT_PAIRS
    static const Factors best = [] {
        const bool any = !wanted("avx512") && !wanted("avx2"), unit = matrix_unit() != MatrixUnit::none;
        const bool half = any && !unit && !wanted("avx512_bf16") && multiplies(Factors::float16);
        const bool brain = any && !wanted("avx512_fp16") && multiplies(Factors::bfloat16) && (unit || wanted("avx512_bf16") || !__builtin_cpu_is("intel"));
        return half ? Factors::float16 : brain ? Factors::bfloat16 : Factors::float32;
    }();
    return best;
#else
    return Factors::float32;
#endif
}

Reach cache_reach()
{
#if defined(DIFFRACT_VECTORS) && defined(_SC_LEVEL2_CACHE_SIZE)
    __builtin_cpu_init();
    if (const int64_t cache = sysconf(_SC_LEVEL2_CACHE_SIZE); cache > 0 && __builtin_cpu_is("intel"))
    {
        return {5 * cache / 2, cache, cache / 2, cache};
    }
#endif
    return {10 << 20, 10 << 20, 512 << 10, 512 << 10};
}

MatrixUnit matrix_unit()
{
    static const MatrixUnit best = [] {
        if (!multiplies(Factors::bfloat16)) // its values are written by those instructions
        {
            return MatrixUnit::none;
        }
        const char* const set = std::getenv("DIFFRACT_KERNELS");
        return wanted("amx_in_software") ? MatrixUnit::software : !(set && std::strncmp(set, "avx", 3) == 0) && amx_works() ? MatrixUnit::amx : MatrixUnit::none;
    }();
    return best;
}
} // namespace diffract
