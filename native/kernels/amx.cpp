#include "amx.h"
#include "amx_tile.h"

#include <vector>

#if defined(DIFFRACT_PAIRS) && defined(__linux__)
#define DIFFRACT_AMX 1
#include <cpuid.h>
#include <csignal>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace diffract
{
#ifdef DIFFRACT_AMX
namespace
{
// Room for signal handlers, for as long as the thread lives. .NET gives a thread 12 KB, and learns of a null reference by a signal; of a thread that has used the unit the system saves 11 KB
// of registers there, and what is left is too little: such a reference would end the process.
class SignalRoom
{
public:
    SignalRoom()
    {
        stack_t now = {};
        if (sigaltstack(nullptr, &now) != 0 || (now.ss_flags & (SS_DISABLE | SS_ONSTACK)) != 0 || now.ss_size >= Bytes)
        {
            return;
        }
        const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
        char* const memory = static_cast<char*>(mmap(nullptr, Bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
        if (memory == MAP_FAILED)
        {
            return;
        }
        mprotect(memory, page, PROT_NONE);
        _mine.ss_sp = memory + page;
        _mine.ss_size = Bytes;
        if (sigaltstack(&_mine, &_before) != 0)
        {
            munmap(memory, Bytes + page);
            return;
        }
        _memory = memory;
        _size = Bytes + page;
    }

    ~SignalRoom()
    {
        stack_t now = {};
        if (!_memory || sigaltstack(nullptr, &now) != 0 || (now.ss_flags & SS_ONSTACK) != 0)
        {
            return;
        }
        if (now.ss_sp == _mine.ss_sp)
        {
            sigaltstack(&_before, nullptr);
        }
        munmap(_memory, _size);
    }

    SignalRoom(const SignalRoom&) = delete;
    SignalRoom& operator=(const SignalRoom&) = delete;

private:
    static constexpr size_t Bytes = 64 << 10;
    stack_t _mine = {}, _before = {};
    void* _memory = nullptr;
    size_t _size = 0;
};

void make_signal_room() { static thread_local const SignalRoom room; }

// The processor's word for both, and the system's that it keeps the registers when it switches threads.
bool is_there()
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    constexpr unsigned BFloat16 = 1u << 22, Registers = 1u << 24, SavesState = 1u << 27, StateOfUnit = 3u << 17;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & BFloat16) == 0 || (d & Registers) == 0 || !__get_cpuid(1, &a, &b, &c, &d) || (c & SavesState) == 0)
    {
        return false;
    }
    unsigned low = 0, high = 0;
    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & StateOfUnit) == StateOfUnit;
}

// Linux gives the registers to a process that asks for them (arch_prctl, ARCH_REQ_XCOMP_PERM, state 18).
bool is_allowed() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

// Small whole numbers, whose sums are exact. With 41 and 57 rows, a depth of 86 and 48 columns all shapes of registers take part, and sums of several steps.
bool multiplies_rightly(int64_t height)
{
    constexpr int64_t Depth = 86, Columns = 48;
    const auto bits = [](int64_t value) { return static_cast<uint16_t>(value == 0 ? 0 : value == 1 ? 0x3f80 : 0xc000); }; // 0, 1, -2
    const auto left = [](int64_t row, int64_t k) { return (row * 7 + k * 5 + row * k) % 3; };
    const auto right = [](int64_t k, int64_t column) { return (k * 4 + column * 2 + k * column) % 3; };
    const auto number = [](int64_t value) { return value == 2 ? -2.0f : static_cast<float>(value); };
    std::vector<uint16_t> rows(height * Depth), turned(height * Depth), b(Depth * Columns);
    for (int64_t k = 0; k < Depth; k++)
    {
        for (int64_t row = 0; row < height; row++)
        {
            rows[row * Depth + k] = turned[k / 2 * 2 * height + 2 * row + k % 2] = bits(left(row, k));
        }
        for (int64_t column = 0; column < Columns; column++)
        {
            b[k / 2 * 2 * Columns + 2 * column + k % 2] = bits(right(k, column));
        }
    }
    std::vector<float> c(height * Columns, 1.0f);
    multiply_by_amx({rows.data(), Depth, 2, b.data(), 2 * Columns, c.data(), Columns, height, Depth, false}, Columns / 16);
    multiply_by_amx({turned.data(), 2, 2 * height, b.data(), 2 * Columns, c.data(), Columns, height, Depth, true}, Columns / 16);
    for (int64_t row = 0; row < height; row++)
    {
        for (int64_t column = 0; column < Columns; column++)
        {
            float sum = 0;
            for (int64_t k = 0; k < Depth; k++)
            {
                sum += number(left(row, k)) * number(right(k, column));
            }
            if (c[row * Columns + column] != 2 * sum)
            {
                return false;
            }
        }
    }
    return true;
}
} // namespace

bool amx_works()
{
    static const bool works = is_there() && is_allowed() && multiplies_rightly(41) && multiplies_rightly(57);
    return works;
}

void multiply_by_amx(const PairProduct& p, int64_t vectors)
{
    make_signal_room();
    multiply_by_unit<Amx>(p, vectors);
}
#else
bool amx_works() { return false; }
void multiply_by_amx(const PairProduct&, int64_t) {}
#endif

#ifdef DIFFRACT_PAIRS
void multiply_in_software(const PairProduct& p, int64_t vectors)
{
#ifdef DIFFRACT_AMX
    make_signal_room(); // as beside the unit
#endif
    multiply_by_unit<SoftwareUnit>(p, vectors);
}
#else
void multiply_in_software(const PairProduct&, int64_t) {}
#endif
} // namespace diffract
