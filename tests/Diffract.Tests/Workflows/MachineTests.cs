using System.Text;
using Diffract.Tests.Checkpoints;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class MachineTests
{
    [Fact]
    public void Machine_is_read_from_proc()
    {
        using var root = new ScratchFolder();
        Write(root, "proc/cpuinfo", "processor\t: 0\nmodel name\t: Some Xeon\nflags\t\t: fpu avx2 fma avx512f avx512bw avx512cd avx512dq avx512vl amx_bf16\n\nprocessor\t: 1\nmodel name\t: Another\n");
        Write(root, "proc/meminfo", "MemTotal:        8388608 kB\nMemFree:          100 kB\nMemAvailable:    4194304 kB\n");

        var machine = Machine.Read(root["."]);

        Assert.Equal("Some Xeon", machine.Processor);
        Assert.True(machine.Avx2 && machine.Avx512 && machine.BFloat16 && machine.Amx);
        Assert.Equal("AVX-512", machine.KernelPath);
        Assert.Equal((8L << 30, 4L << 30, null), (machine.Memory, machine.MemoryAvailable, machine.MemoryLimit));
        Assert.Null(machine.CoreLimit);
    }

    [Fact]
    public void An_older_processor_has_the_older_kernels()
    {
        using var root = new ScratchFolder();
        Write(root, "proc/cpuinfo", "model name : Core\nflags : avx avx2 fma\n");
        var machine = Machine.Read(root["."]);
        Assert.Equal("AVX2", machine.KernelPath);
        Assert.False(machine.Avx512 || machine.BFloat16);
    }

    [Theory]
    [InlineData("0::/pod/me\n", "sys/fs/cgroup/pod/cpu.max", "150000 100000\n", "sys/fs/cgroup/pod/me/memory.max", "1073741824\n")]                     // version 2: a limit holds for what is below it
    [InlineData("0::/gone\n", "sys/fs/cgroup/cpu.max", "150000 100000\n", "sys/fs/cgroup/memory.max", "1073741824\n")]                                // seen from inside the container
    [InlineData("5:memory:/m\n3:cpu,cpuacct:/c\n", "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_quota_us", "150000\n", "sys/fs/cgroup/memory/m/memory.limit_in_bytes", "1073741824\n")]
    public void A_container_s_limits_are_found(string groups, string cpuFile, string cpu, string memoryFile, string memory)
    {
        using var root = new ScratchFolder();
        Write(root, "proc/meminfo", "MemTotal: 8388608 kB\n");
        Write(root, "proc/self/cgroup", groups);
        Write(root, cpuFile, cpu);
        Write(root, "sys/fs/cgroup/cpu,cpuacct/c/cpu.cfs_period_us", "100000\n");
        Write(root, memoryFile, memory);

        var machine = Machine.Read(root["."]);

        Assert.Equal(1.5, machine.CoreLimit);
        Assert.Equal(1L << 30, machine.MemoryLimit);
        Assert.Equal(1L << 30, machine.UsableMemory);
    }

    [Fact]
    public void No_limit_is_none()
    {
        using var root = new ScratchFolder();
        Write(root, "proc/meminfo", "MemTotal: 8388608 kB\n");
        Write(root, "proc/self/cgroup", "0::/\n4:memory:/\n1:cpu:/\n");
        Write(root, "sys/fs/cgroup/cpu.max", "max 100000\n");
        Write(root, "sys/fs/cgroup/memory.max", "max\n");
        Write(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        Write(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        Write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");

        var machine = Machine.Read(root["."]);

        Assert.Null(machine.CoreLimit);
        Assert.Null(machine.MemoryLimit);
        Assert.Equal(8L << 30, machine.UsableMemory);
    }

    static void Write(ScratchFolder root, string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(root[path])!);
        root.Write(path, Encoding.ASCII.GetBytes(text));
    }
}
