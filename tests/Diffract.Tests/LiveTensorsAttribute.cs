using System.Reflection;
using Diffract.Tests;
using Diffract.Torch;
using Xunit.Sdk;

[assembly: CollectionBehavior(DisableTestParallelization = true)] // libtorch uses all cores by itself, and live tensors are counted
[assembly: LiveTensors]

namespace Diffract.Tests;

/// <summary>Opens a scope around each test and fails it where the count of live tensors is not back afterwards.</summary>
sealed class LiveTensorsAttribute : BeforeAfterTestAttribute
{
    long _before;

    public override void Before(MethodInfo test) => _before = Torch.Torch.LiveTensors;

    public override void After(MethodInfo test)
    {
        var left = Torch.Torch.LiveTensors - _before;
        Assert.True(left == 0, $"{test.Name} left {left} tensors alive: a scope or a Dispose is missing");
    }
}
