// Work shared out among libtorch's threads piece by piece.
#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace diffract
{
// Calls job(begin, end) for pieces of [0, count), `least` long at least; a thread takes the next piece when it is free. at::parallel_for gives each thread its share
// beforehand, and all wait where one of them is held up by another program. Within a parallel region all of it is the calling thread's, in one piece.
template <typename Job>
void share_out(int64_t count, int64_t least, const Job& job)
{
    if (count == 0)
    {
        return;
    }
    if (at::in_parallel_region())
    {
        return job(0, count);
    }
    const int64_t threads = at::get_num_threads(), piece = std::max(least, count / (8 * threads)), pieces = (count + piece - 1) / piece;
    std::atomic<int64_t> next{0};
    at::parallel_for(0, std::min(threads, pieces), 1, [&](int64_t, int64_t) {
        for (int64_t at = next++; at < pieces; at = next++)
        {
            job(at * piece, std::min(count, (at + 1) * piece));
        }
    });
}
} // namespace diffract
