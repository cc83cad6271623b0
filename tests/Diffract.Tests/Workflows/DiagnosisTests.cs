using Diffract.Nn;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class DiagnosisTests
{
    static readonly HashSet<string> Avx512 = ["avx2", "fma", "avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"];
    static readonly Machine Server = new("Some processor", Avx512, Cores: 8, CoreLimit: null, Memory: 32L << 30, MemoryAvailable: 30L << 30, MemoryLimit: null);
    static readonly BlasLibrary OpenBlas = new("OpenBLAS", "0.3.21", "SkylakeX", OwnThreads: false, "/lib/libopenblas.so.0");
    static readonly EngineFacts Engine = new("1.13.0", "/lib/libtorch_cpu.so", "/here/libdiffract_native.so", "AVX512", "2.6.3", OpenBlas, Threads: 8, CudaDevices: 0, MatrixRate: 2e11, DType.BFloat16, MatrixUnit.None, "/tv/image.so", null);
    static readonly Diagnosis Sound = new() { Machine = Server, Engine = Engine, CacheFree = 50L << 30 };

    [Fact]
    public void A_sound_machine_has_no_faults()
    {
        Assert.Empty(Sound.Faults);
        Assert.True(Sound.IsUsable);
    }

    [Fact]
    public void Without_libtorch_the_reason_and_the_fix_are_told()
    {
        var fault = Assert.Single((Sound with { Engine = null, EngineError = "libc10.so: no such file" }).Faults);
        Assert.True(fault.Stops);
        Assert.Contains("libc10.so: no such file", fault.What);
        Assert.Contains("apt-get install libtorch-dev", fault.Fix);
    }

    [Fact]
    public void A_slow_kernel_that_the_user_asked_for_is_named()
    {
        var found = Sound with { Engine = Engine with { Blas = OpenBlas with { Kernel = "Haswell" } }, Environment = new Dictionary<string, string> { ["OPENBLAS_CORETYPE"] = "Haswell" } };
        var fault = Assert.Single(found.Faults);
        Assert.Contains("OPENBLAS_CORETYPE=Haswell is set in your environment: unset it", fault.Fix);
        Assert.True(found.IsUsable);
    }

    [Fact]
    public void The_same_kernel_is_right_for_a_processor_without_AVX512() =>
        Assert.Empty((Sound with { Machine = Server with { Flags = new HashSet<string> { "avx2", "fma" } }, Engine = Engine with { Capability = "AVX2", Blas = OpenBlas with { Kernel = "Haswell" } } }).Faults);

    [Fact]
    public void A_shim_for_another_libtorch_stops_the_work()
    {
        var fault = Assert.Single((Sound with { NamedLibtorch = "2.5.1", Environment = new Dictionary<string, string> { ["LIBTORCH"] = "/opt/libtorch" } }).Faults);
        Assert.True(fault.Stops);
        Assert.Contains("2.5.1", fault.What);
        Assert.Contains("1.13.0", fault.What);
    }

    [Fact]
    public void What_costs_speed_or_reach_is_told_and_does_not_stop()
    {
        var found = Sound with
        {
            Engine = Engine with { Threads = 1, Capability = "AVX2", Blas = OpenBlas with { OwnThreads = true } },
            Machine = Server with { MemoryLimit = 2L << 30 }, HasWebP = false, Gpus = ["NVIDIA H200"], CacheFree = 1L << 20,
        };
        string[] expected = ["AVX-512", "one thread of 8", "GPU (NVIDIA H200)", "WebP", "2.0 GiB of memory (the container's limit)", "0.0 GiB are free"];
        Assert.Equal(expected.Length, found.Faults.Count);
        Assert.All(found.Faults.Zip(expected), pair => Assert.Contains(pair.Second, pair.First.What));
        Assert.True(found.IsUsable);
    }

    [Fact]
    public void Without_picture_operators_pictures_cannot_be_worked_on() =>
        Assert.False((Sound with { Engine = Engine with { PictureLibrary = null, PictureError = "not found" } }).IsUsable);

    [Fact]
    public void This_machine_s_engine_is_described()
    {
        var found = Diagnosis.Run();
        Assert.Null(found.EngineError);
        Assert.Equal(Torch.Torch.Version, found.Engine!.Version);
        Assert.True(File.Exists(found.Engine.Path), found.Engine.Path);
        Assert.True(found.Engine.MatrixRate > 1e8, $"{found.Engine.MatrixRate} operations a second");
        Assert.Equal(Torch.Torch.Threads, found.Engine.Threads);
    }

    [Fact]
    public void OpenBlas_takes_the_kernels_that_were_chosen_for_it()
    {
        var blas = Diagnosis.Run().Engine!.Blas;
        if (blas?.Kernel is { } kernel && Environment.GetEnvironmentVariable("OPENBLAS_CORETYPE") is { } wanted)
        {
            Assert.Equal(wanted, kernel, ignoreCase: true);
        }
    }
}
