using System.Diagnostics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>How fast libtorch multiplies matrices and moves memory here.</summary>
public static class MatrixRate
{
    /// <summary>The best of some float32 products of two matrices of 1,024 rows and columns, on one thread; takes about 0.2 s.</summary>
    /// <returns>Operations (multiplications and additions) a second.</returns>
    public static double MeasureOneThread()
    {
        const int Side = 1024;
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var threads = Torch.Torch.Threads;
        Torch.Torch.Threads = 1;
        try
        {
            var (a, b) = (Aten.Zeros([Side, Side]).Fill_(0.5), Aten.Zeros([Side, Side]).Fill_(0.25));
            var all = Stopwatch.StartNew();
            var best = double.MaxValue;
            do
            {
                using var turn = new TensorScope();
                var one = Stopwatch.StartNew();
                Dispatcher.Call("aten::mm", a, b);
                best = Math.Min(best, one.Elapsed.TotalSeconds);
            }
            while (all.Elapsed.TotalSeconds < 0.2);
            return 2.0 * Side * Side * Side / best;
        }
        finally
        {
            Torch.Torch.Threads = threads;
        }
    }

    /// <summary>The best rate of copying 256 MB, all threads, bytes read and written; takes about 0.5 s.</summary>
    /// <returns>Bytes a second.</returns>
    public static double MeasureMemory()
    {
        const long Values = 32 << 20;
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var (from, to) = (Aten.Full([Values], 1.0), Aten.Full([Values], 2.0));
        var best = double.MaxValue;
        for (var i = 0; i < 8; i++)
        {
            var one = Stopwatch.StartNew();
            to.Copy_(from);
            best = Math.Min(best, one.Elapsed.TotalSeconds);
        }
        return 2.0 * sizeof(float) * Values / best;
    }
}
