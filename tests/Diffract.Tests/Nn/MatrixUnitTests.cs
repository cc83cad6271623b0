using Diffract.Features;
using Diffract.Models;
using Diffract.Nn;
using Diffract.Tests.Cli;
using Diffract.Torch;

namespace Diffract.Tests.Nn;

// The unit is imitated in software, so that its loop is tested on every processor that has products of bfloat16.
public class MatrixUnitTests
{
    static bool HasPairs => Kernels.FactorsOfBFloat16 != DType.Float32;

    [Fact]
    public void Features_made_in_the_matrix_unit_are_those_made_by_vectors()
    {
        if (!HasPairs) { return; }
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        foreach (var kernels in (string[])["avx512_bf16", "amx_in_software", ""])          // the last: what is fastest here, the unit itself where there is one
        {
            var (code, _, errors) = Command.RunWith([("DIFFRACT_KERNELS", kernels)], "extract", "--model", "builtin", "--data", "builtin:train=10,test=2", "--t", "90", "--blocks", "8,14", "--precision", "bf16", "--out", folder["by-" + kernels]);
            Assert.True(code == 0, errors);
        }

        using var vectors = FeatureStore.Open(folder["by-avx512_bf16"]);
        using var software = FeatureStore.Open(folder["by-amx_in_software"]);
        using var best = FeatureStore.Open(folder["by-"]);
        int[] rows = [.. Enumerable.Range(0, 12)];
        foreach (var name in vectors.Request.Names)
        {
            double Difference(FeatureStore other)
            {
                var (want, got) = (vectors.Gather(name, rows).To(DType.Float64), other.Gather(name, rows).To(DType.Float64));
                return Math.Sqrt(((got - want) * (got - want)).Sum().Item() / (want * want).Sum().Item());
            }
            Assert.InRange(Difference(software), 1e-9, 5e-3);                              // sums in another order, maps rounded to bfloat16
            Assert.InRange(Difference(best), 0, 2e-2);                                     // factors may be float16
        }
    }

    // A plain gradient step: what a weight has moved by is its gradient.
    [Fact]
    public void Gradients_made_in_the_matrix_unit_are_those_made_by_vectors()
    {
        if (!HasPairs) { return; }
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using (var tiny = new TinyNet(seed: 1)) { UNetFile.Write(folder["net.safetensors"], TinyNet.Config, "linear", tiny.Store.ToEntries()); }
        Dictionary<string, Tensor> Tuned(string kernels)
        {
            var (code, _, errors) = Command.RunWith([("DIFFRACT_KERNELS", kernels)], "finetune", "--model", folder["net.safetensors"], "--data", "builtin:train=40,test=10,size=16", "--t", "90", "--blocks", "7", "--head", "linear", "--pool", "1",
                "--recipe", "released-code", "--lr", "0.1", "--epochs", "1", "--train-batch", "40", "--precision", "bf16", "--out", folder["by-" + kernels]);
            Assert.True(code == 0, errors);
            return Weights(folder[$"by-{kernels}/model.safetensors"]);
        }

        var (before, vectors, software) = (Weights(folder["net.safetensors"]), Tuned("avx512_bf16"), Tuned("amx_in_software"));

        double Sum(Func<string, Tensor> difference) => vectors.Keys.Sum(name => (difference(name) * difference(name)).Sum().Item());
        var (moved, apart) = (Math.Sqrt(Sum(name => vectors[name] - before[name])), Math.Sqrt(Sum(name => vectors[name] - software[name])));
        Assert.True(moved > 0);
        Assert.InRange(apart / moved, 1e-9, 0.05);                                          // sums in another order, maps rounded to bfloat16
    }

    static Dictionary<string, Tensor> Weights(string path)
    {
        using var file = CheckpointFile.Open(path);
        return file.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value.ToTensor().To(DType.Float64));
    }

    // A thread that has used the unit needs more room for .NET's signal handlers.
    [Fact]
    public void A_thread_that_used_the_unit_still_gets_exceptions_of_null_references()
    {
        var caught = 0;
        for (var i = 0; i < 3; i++)
        {
            var thread = new Thread(() =>
            {
                using var scope = new TensorScope();
                if (HasPairs)
                {
                    Dispatcher.Call("diffract::multiply_pairs", Aten.Zeros([33, 32]).To(DType.BFloat16), Aten.Zeros([16, 16, 2]).To(DType.BFloat16), false, Kernels.MatrixUnit != MatrixUnit.Amx);
                }
                string? none = null;
                try
                {
                    _ = none!.Length;
                }
                catch (NullReferenceException)
                {
                    caught++;
                }
            });
            thread.Start();
            thread.Join();
        }

        Assert.Equal(3, caught);
    }
}
