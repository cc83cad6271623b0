using Diffract.Features;
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

    [Fact]
    public void Gradients_made_in_the_matrix_unit_are_those_made_by_vectors()
    {
        if (!HasPairs) { return; }
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["net.json"], """{"image_size": 16, "num_channels": 32, "num_res_blocks": 1, "channel_mult": "1,2", "attention_resolutions": "16,8", "num_head_channels": 32, "use_scale_shift_norm": true, "resblock_updown": true}""");
        double[] Losses(string kernels)
        {
            var (code, _, errors) = Command.RunWith([("DIFFRACT_KERNELS", kernels)], "pretrain", "--data", "builtin:train=300,size=16", "--config", folder["net.json"], "--pictures", "96", "--batch", "16", "--lr", "1e-3", "--precision", "bf16", "--out", folder["by-" + kernels]);
            Assert.True(code == 0, errors);
            return [.. File.ReadLines(folder[$"by-{kernels}/metrics.jsonl"]).Select(line => (double)System.Text.Json.Nodes.JsonNode.Parse(line)!["loss"]!)];
        }

        var (vectors, software) = (Losses("avx512_bf16"), Losses("amx_in_software"));

        Assert.Equal(vectors.Length, software.Length);
        Assert.NotEqual(vectors, software);                                                // the unit was used
        Assert.All(vectors.Zip(software), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, 2e-3 * pair.First)); // sums in another order, and what follows from them in six steps
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
