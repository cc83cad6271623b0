using Diffract.Torch;

namespace Diffract.Tests.Engine;

public class SignalTests
{
    // .NET makes exceptions of signals. A library beside libtorch that took them for itself would end the process here, as UCX does unless it is told not to.
    [Fact]
    public void Exceptions_that_come_from_signals_are_still_exceptions()
    {
        using var scope = new TensorScope();
        _ = Aten.Zeros([1]).Item();                                                        // libtorch is loaded
        string? none = null;
        var zero = int.Parse("0");

        Assert.Throws<NullReferenceException>(() => none!.Length);
        Assert.Throws<DivideByZeroException>(() => 1 / zero);
    }
}
