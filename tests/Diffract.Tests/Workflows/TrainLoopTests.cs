using Diffract.Optim;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public class TrainLoopTests
{
    // Between two lines of metrics nobody has looked at the loss yet.
    [Theory]
    [InlineData(false, 4)]
    [InlineData(true, 0)]
    public void A_cancelled_run_saves_no_state_whose_losses_were_not_finite(bool diverges, long saved)
    {
        using var scope = new TensorScope();
        using var folder = new TemporaryFolder();
        using var stop = new CancellationTokenSource();
        var weight = Tensor.From<float>([1, 2]);
        weight.RequiresGrad = true;
        Tensor Loss(long step, int part)
        {
            if (step == 3) { stop.Cancel(); }
            return weight.Sum() * (diverges && step == 2 ? double.NaN : 1.0);
        }

        using var optimizer = new Sgd([new ParameterGroup([weight], 1, 0)]);
        Assert.Throws<OperationCanceledException>(() => TrainLoop.Run(new() { Activity = "test", Steps = 10, LearningRate = _ => 0.1, LogEvery = 100, Folder = folder["run"] },
            optimizer, [new("weight", weight)], Loss, cancellation: stop.Token));

        Assert.Equal(saved, TrainLoop.StepOf(folder["run"]));
    }
}
