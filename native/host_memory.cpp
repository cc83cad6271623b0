// Memory of tensors on the host. Large blocks are kept for the next tensor of their size, and lie on huge pages where the system has them: a network makes and
// frees maps of the same few sizes again and again, and asking the system for each anew costs a page fault every 4 KB (a tenth of a training step).
// Blocks below 1 MB are left to malloc, which is told to do the same. DIFFRACT_HOST_MEMORY=0 leaves everything to libtorch's own allocator.
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#if defined(__linux__)
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>

namespace
{
constexpr size_t Large = 1 << 20, Page = 2 << 20; // bytes
constexpr size_t Spare = 256 << 20;                // bytes of free blocks that are kept in any case

size_t rounded(size_t bytes) { return (bytes + Page - 1) / Page * Page; }

class Blocks
{
public:
    // The smallest free block that is not a quarter too large; else a new one.
    void* take(size_t size)
    {
        const std::lock_guard<std::mutex> guard(_lock);
        const auto fit = _free.lower_bound(size);
        if (fit != _free.end() && fit->first <= size + size / 4)
        {
            void* const block = fit->second;
            _used.emplace(block, fit->first);
            count(fit->first);
            _kept -= fit->first;
            _free.erase(fit);
            return block;
        }
        void* block = fresh(size);
        if (!block)
        {
            drop(0);
            block = fresh(size);
        }
        if (block)
        {
            _used.emplace(block, size);
            count(size);
        }
        return block;
    }

    // False: not one of these.
    bool give(void* block)
    {
        const std::lock_guard<std::mutex> guard(_lock);
        const auto used = _used.find(block);
        if (used == _used.end())
        {
            return false;
        }
        const size_t size = used->second;
        _used.erase(used);
        _in_use -= size;
        try
        {
            _free.emplace_hint(_free.lower_bound(size), size, block); // before others of its size: the last freed is taken first, while caches hold it
            _kept += size;
        }
        catch (const std::bad_alloc&) // a deleter may not throw
        {
            munmap(block, size);
        }
        const size_t may = _most - _in_use + std::max(_most / 4, Spare); // a pass wants again what it has just freed, so all is kept that was ever in use at once
        if (_kept > may)
        {
            drop(may - may / 8);
        }
        return true;
    }

private:
    void count(size_t size)
    {
        _in_use += size;
        _most = std::max(_most, _in_use);
    }

    static void* fresh(size_t size)
    {
        void* const at = mmap(nullptr, size + Page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED)
        {
            return nullptr;
        }
        const auto first = reinterpret_cast<uintptr_t>(at), aligned = (first + Page - 1) / Page * Page;
        if (aligned > first)
        {
            munmap(at, aligned - first);
        }
        if (const size_t rest = first + Page - aligned)
        {
            munmap(reinterpret_cast<void*>(aligned + size), rest);
        }
        madvise(reinterpret_cast<void*>(aligned), size, MADV_HUGEPAGE); // a wish: ordinary pages do as well
        return reinterpret_cast<void*>(aligned);
    }

    void drop(size_t down_to) // the largest first
    {
        while (_kept > down_to && !_free.empty())
        {
            const auto last = std::prev(_free.end());
            munmap(last->second, last->first);
            _kept -= last->first;
            _free.erase(last);
        }
    }

    std::mutex _lock;
    std::multimap<size_t, void*> _free; // by size
    std::unordered_map<void*, size_t> _used;
    size_t _kept = 0, _in_use = 0, _most = 0; // bytes: of free blocks, of those in use, and the most of these so far
};

Blocks& blocks()
{
    static auto* const all = new Blocks; // never destroyed: tensors may outlive every static
    return *all;
}

void release(void* data)
{
    const bool large = reinterpret_cast<uintptr_t>(data) % Page == 0; // malloc's blocks hardly ever are
    if (data && !(large && blocks().give(data)))
    {
        c10::GetDefaultCPUAllocator()->raw_deallocate(data);
    }
}

c10::DataPtr allocate_block(size_t bytes)
{
    void* const data = bytes < Large ? c10::GetDefaultCPUAllocator()->raw_allocate(bytes) : blocks().take(rounded(bytes));
    TORCH_CHECK(data || bytes == 0, "not enough memory: ", bytes, " bytes were asked for");
    return {data, data, &release, c10::Device(c10::DeviceType::CPU)};
}

// Some 2.x releases of libtorch have allocate() without const.
template <typename Base, typename Allocate>
struct Allocating : Base
{
    c10::DataPtr allocate(size_t bytes) override { return allocate_block(bytes); }
};

template <typename Base>
struct Allocating<Base, c10::DataPtr (Base::*)(size_t) const> : Base
{
    c10::DataPtr allocate(size_t bytes) const override { return allocate_block(bytes); }
};

struct HostMemory final : Allocating<c10::Allocator, decltype(&c10::Allocator::allocate)>
{
    c10::DeleterFnPtr raw_deleter() const override { return &release; }

    void copy_data(void* to, const void* from, std::size_t count) const { std::memcpy(to, from, count); } // newer libtorch asks for it
};

const bool installed = [] {
    const char* const wanted = std::getenv("DIFFRACT_HOST_MEMORY");
    if (!wanted || std::string(wanted) != "0")
    {
#if defined(__GLIBC__)
        if (!std::getenv("MALLOC_MMAP_THRESHOLD_") && !std::getenv("MALLOC_TRIM_THRESHOLD_"))
        {
            mallopt(M_MMAP_THRESHOLD, 32 << 20); // what malloc still serves is kept as well
            mallopt(M_TRIM_THRESHOLD, 256 << 20);
        }
#endif
        c10::SetCPUAllocator(new HostMemory, 100); // never destroyed, as above
    }
    return true;
}();
} // namespace
#endif
