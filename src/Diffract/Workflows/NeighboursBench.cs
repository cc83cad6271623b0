using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Times exact nearest neighbours on random features, and the matrix product that no exact search can do without.</summary>
public static class NeighboursBench
{
    /// <summary>Seconds a query of <see cref="Knn"/>, 20 neighbours.</summary>
    public static BenchSample Search(int rows, int queries, int width, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var (train, test) = (Aten.Randn([rows, width]), Aten.Randn([queries, width]));
        var knn = new Knn { K = [20] };
        return Bench.Sample(0, queries, warmUp: 1, repeat, _ => knn.Search(FeatureRows.Of("training rows", train), FeatureRows.Of("queries", test), _ => { }));
    }

    /// <summary>Seconds a query of the products alone, float32, in libtorch, in pieces of 4,096 queries and 16,384 rows.</summary>
    public static BenchSample Products(int rows, int queries, int width, int repeat)
    {
        using var scope = new TensorScope();
        using var off = GradMode.Off();
        var (train, test) = (Aten.Randn([rows, width]), Aten.Randn([queries, width]));
        return Bench.Sample(0, queries, warmUp: 1, repeat, _ =>
        {
            for (var q = 0; q < queries; q += 4096)
            {
                for (var r = 0; r < rows; r += 16384)
                {
                    using var one = new TensorScope();
                    Dispatcher.Call("aten::mm", test.Narrow(0, q, Math.Min(4096, queries - q)), train.Narrow(0, r, Math.Min(16384, rows - r)).T());
                }
            }
        });
    }
}
