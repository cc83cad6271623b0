using System.Runtime.InteropServices;
using System.Text;

namespace Diffract.Torch;

/// <summary>Gradients with less memory: a part of a pass keeps its inputs alone, and is computed once more in the backward pass.</summary>
/// <remarks>Chen et al. 2016, "Training deep nets with sublinear memory cost".</remarks>
public static unsafe class Recomputation
{
    /// <summary>What <paramref name="forward"/> makes of the inputs, without a record of how.</summary>
    /// <param name="forward">A pure function of the inputs and of leaves that live on, such as a model's parameters; called again in the backward pass. Where a parameter
    /// requires a gradient it gets one, provided that an input requires one too.</param>
    /// <returns>Its value; where no gradient is wanted, plainly computed.</returns>
    public static Tensor Run(Func<Tensor[], Tensor> forward, params Tensor[] inputs)
    {
        if (!GradMode.IsOn || !inputs.Any(input => input.RequiresGrad))
        {
            return forward(inputs);
        }
        using var scope = new TensorScope();
        var value = Unrecorded(forward, inputs);
        Span<nint> handles = stackalloc nint[inputs.Length];
        for (var i = 0; i < inputs.Length; i++)
        {
            handles[i] = inputs[i].Handle;
        }
        var context = GCHandle.ToIntPtr(GCHandle.Alloc(forward));                          // freed by the record
        fixed (nint* list = handles)
        {
            Native.Check(Native.diffract_recomputed(value.Handle, list, inputs.Length, &Recompute, &Release, context, out var result), "recomputation");
            GC.KeepAlive(inputs);
            return scope.Return(new Tensor(result));
        }
    }

    static Tensor Unrecorded(Func<Tensor[], Tensor> forward, Tensor[] inputs)
    {
        using var off = GradMode.Off();
        return forward(inputs);
    }

    // Called by libtorch in the backward pass, where nothing may be thrown through it.
    [UnmanagedCallersOnly]
    static int Recompute(nint context, nint* inputs, int count, nint gradient, nint* gradients, byte* error, int capacity)
    {
        try
        {
            using var scope = new TensorScope();
            using var on = GradMode.On();
            var forward = (Func<Tensor[], Tensor>)GCHandle.FromIntPtr(context).Target!;
            var weights = new Tensor(gradient);
            var leaves = new Tensor[count];
            for (var i = 0; i < count; i++)
            {
                var input = new Tensor(inputs[i]);
                leaves[i] = input.Detach();
                leaves[i].RequiresGrad = input.RequiresGrad;
            }
            forward(leaves).Backward(weights);
            for (var i = 0; i < count; i++)
            {
                Native.Check(Native.diffract_grad(leaves[i].Handle, out gradients[i]), "grad");
            }
            return 0;
        }
        catch (Exception exception)
        {
            var text = Encoding.UTF8.GetBytes(exception.Message);
            var length = Math.Min(text.Length, capacity - 1);
            text.AsSpan(0, length).CopyTo(new Span<byte>(error, length));
            error[length] = 0;
            return 1;
        }
    }

    [UnmanagedCallersOnly]
    static void Release(nint context) => GCHandle.FromIntPtr(context).Free();
}
