#include "processor.h"
#include "vectors.h"

#include <cstdlib>
#include <cstring>

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
} // namespace diffract
