using Diffract.Heads;
using Diffract.Nn;
using Diffract.Optim;
using Diffract.Torch;

namespace Diffract.Tests.Heads;

public class HeadGoldenTests
{
    const string Outputs = "outputs.safetensors";

    public static TheoryData<string> Fixtures =>
    [
        "head_linear_pool1", "head_linear_pool2", "head_linear_pool4", "head_mlp",
        "head_attention_layer", "head_attention_batch", "head_attention_string", "head_difformer",
    ];

    [Theory, MemberData(nameof(Fixtures))]
    public void Head_matches_the_released_code_in_logits_gradients_and_an_SGD_step(string fixture)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load(fixture);
        using var store = golden.Store("head.safetensors");
        var (head, maps) = Build(golden, store);
        using (GradMode.Off())
        {
            golden.Check("logits_eval", head.Forward(maps, training: false));
        }
        using var optimizer = new Sgd([new([.. store.Parameters.Values])]) { LearningRate = 1e-2 };

        var logits = head.Forward(maps, training: true);
        var loss = Aten.CrossEntropy(logits, golden.Input("labels"));
        loss.Backward();

        golden.Check("logits", logits);
        golden.Check("loss", loss);
        Assert.All(store.Parameters, pair => golden.Check($"grad/{pair.Key}", pair.Value.Grad!));
        optimizer.Step(0);
        CheckState(golden, store, "after_sgd1/");
    }

    [Theory, MemberData(nameof(Fixtures))]
    public void Head_matches_the_released_code_in_three_steps_of_Adam(string fixture)
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load(fixture);
        using var store = golden.Store("head.safetensors");
        var (head, maps) = Build(golden, store);
        using var optimizer = new AdamW([new([.. store.Parameters.Values])]) { LearningRate = 1e-3 };
        var losses = new List<Tensor>();

        for (var step = 0; step < 3; step++)
        {
            var loss = Aten.CrossEntropy(head.Forward(maps, training: true), golden.Input("labels"));
            loss.Backward();
            optimizer.Step(step);
            losses.Add(loss);
        }

        golden.Check("adam_losses", Aten.Stack([.. losses]));
        CheckState(golden, store, "after_adam3/");
    }

    [Fact]
    public void Head_reads_what_torch_saved_as_it_reads_safetensors()
    {
        using var scope = new TensorScope();
        using var golden = Golden.Load("head_mlp");
        using var store = golden.Store("head.pt");
        var (head, maps) = Build(golden, store);
        using var off = GradMode.Off();

        golden.Check("logits_eval", head.Forward(maps, training: false));
    }

    static (Head Head, IReadOnlyDictionary<FeatureKey, Tensor> Maps) Build(Golden golden, ParameterStore store)
    {
        var config = HeadGolden.Config(golden);
        var head = config.Build(store.Root);
        store.Verify(golden.Folder);
        store.RequireGrad(true);
        Assert.Equal(golden.Description.GetProperty("files").GetProperty("head.pt").GetProperty("n_params").GetInt64(), store.All.Sum(pair => pair.Value.Elements));
        return (head, HeadGolden.Maps(golden, config));
    }

    // Of large parameters the golden file holds some states only; parameters that are small are always there.
    static void CheckState(Golden golden, ParameterStore store, string prefix)
    {
        foreach (var (name, tensor) in store.All.Where(pair => pair.Value.Elements <= 2048 || golden.Has(Outputs, prefix + pair.Key)))
        {
            golden.Check(prefix + name, tensor);
        }
    }
}
