using Diffract.Data;

namespace Diffract.Tests.Data;

public class BatchLoaderTests
{
    static readonly string[] Files = ["rgb.jpg", "grey.png", "palette.png", "rgba.png", "progressive.jpg", "grey16.png", "cmyk.jpg"];

    [Theory, InlineData(1), InlineData(4)]
    public void Batches_come_in_the_order_of_the_requests(int workers)
    {
        var set = Pictures(61);
        var random = new Random(2);
        LoadRequest[] requests = [.. Enumerable.Range(0, 150).Select(_ => new LoadRequest(random.Next(61),
            new PictureView(random.Next(2) == 0, random.Next(3) == 0 ? new CropDraws(random.NextDouble(), random.NextDouble(), random.NextDouble()) : null)))];
        int next = 0;
        foreach (var batch in BatchLoader.Load(set, requests, new LoaderOptions { Height = 12, Width = 16, BatchSize = 7, Workers = workers }))
        {
            Assert.Equal(Math.Min(7, 150 - next), batch.Pictures.Count);
            Assert.Equal(batch.Pictures.Count * 3 * 12 * 16, batch.Pixels.Length);
            for (int n = 0; n < batch.Pictures.Count; n++, next++)
            {
                var (picture, hash) = BatchLoader.LoadOne(set, requests[next], 12, 16);
                Assert.Equal(new LoadedPicture(next, requests[next].Item, requests[next].View, hash), batch.Pictures[n]);
                Assert.Equal(picture.Rgb, batch.Pixels.Slice(n * 3 * 12 * 16, 3 * 12 * 16).ToArray());
            }
        }
        Assert.Equal(150, next);
    }

    [Fact]
    public void Broken_pictures_become_failures_and_the_rest_closes_up()
    {
        var good = Pictures(10);
        var set = new PictureSet("set", [], good.Items, [], i => i is 0 or 4 or 9 ? [1, 2, 3] : i == 5 ? throw new PictureException("5: cannot be read") : good.ReadBytes(i));
        LoadRequest[] requests = [.. Enumerable.Range(0, 10).Select(i => new LoadRequest(i))];
        var pictures = new List<int>();
        var failures = new List<(int, string)>();
        foreach (var batch in BatchLoader.Load(set, requests, new LoaderOptions { Height = 8, Width = 8, BatchSize = 5, Workers = 3 }))
        {
            for (int n = 0; n < batch.Pictures.Count; n++)
            {
                pictures.Add(batch.Pictures[n].Item);
                Assert.Equal(BatchLoader.LoadOne(set, new LoadRequest(batch.Pictures[n].Item), 8, 8).Picture.Rgb, batch.Pixels.Slice(n * 192, 192).ToArray());
            }
            failures.AddRange(batch.Failures.Select(failure => (failure.Item, failure.Error.Message.Split(':')[0])));
        }
        Assert.Equal([1, 2, 3, 6, 7, 8], pictures);
        Assert.Equal([(0, "0"), (4, "4"), (5, "5"), (9, "9")], failures);
    }

    [Fact]
    public void Normalise_gives_channels_first_floats()
    {
        var batch = BatchLoader.Load(Pictures(2), [new(0), new(1)], new LoaderOptions { Height = 4, Width = 5, BatchSize = 2 }).Single();
        var values = new float[2 * 3 * 4 * 5];
        batch.Normalise(values);
        for (int n = 0; n < 2; n++)
        {
            for (int c = 0; c < 3; c++)
            {
                for (int at = 0; at < 20; at++) { Assert.Equal(batch.Pixels.Span[(n * 20 + at) * 3 + c] / 127.5f - 1f, values[(n * 3 + c) * 20 + at]); }
            }
        }
    }

    [Fact]
    public void Pictures_in_flight_are_bounded()
    {
        var good = Pictures(7);
        int read = 0;
        var set = new PictureSet("set", [], [.. Enumerable.Range(0, 1000).Select(i => new PictureItem($"{i}", -1, PictureSplit.None))], [], i =>
        {
            Interlocked.Increment(ref read);
            return good.ReadBytes(i % 7);
        });
        LoadRequest[] requests = [.. Enumerable.Range(0, 1000).Select(i => new LoadRequest(i))];
        int given = 0;
        foreach (var batch in BatchLoader.Load(set, requests, new LoaderOptions { Height = 8, Width = 8, BatchSize = 10, Workers = 4, BatchesAhead = 2 }))
        {
            given += batch.Pictures.Count;
            Assert.InRange(Volatile.Read(ref read), given, given + 20);
            if (given == 50) { break; }                                                // the workers are gone when the loop is left
        }
        Assert.InRange(read, 50, 70);
    }

    [Fact]
    public void Leaving_the_loop_ends_the_workers()
    {
        var threads = new System.Collections.Concurrent.ConcurrentBag<Thread>();
        var good = Pictures(50);
        var set = new PictureSet("set", [], good.Items, [], i =>
        {
            threads.Add(Thread.CurrentThread);
            return good.ReadBytes(i);
        });
        LoadRequest[] requests = [.. Enumerable.Range(0, 50).Select(i => new LoadRequest(i))];
        foreach (var _ in BatchLoader.Load(set, requests, new LoaderOptions { Height = 8, Width = 8, BatchSize = 4, Workers = 3 })) { break; }
        Assert.NotEmpty(threads);
        Assert.All(threads, thread => Assert.False(thread.IsAlive));
    }

    [Fact]
    public void Cancelling_ends_a_wait()
    {
        using var cancellation = new CancellationTokenSource();
        var good = Pictures(50);
        var set = new PictureSet("set", [], good.Items, [], i =>
        {
            if (i == 20) { cancellation.Cancel(); }
            return good.ReadBytes(i);
        });
        LoadRequest[] requests = [.. Enumerable.Range(0, 50).Select(i => new LoadRequest(i))];
        int given = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var batch in BatchLoader.Load(set, requests, new LoaderOptions { Height = 8, Width = 8, BatchSize = 4 }, cancellation.Token)) { given += batch.Pictures.Count; }
        });
        Assert.InRange(given, 0, 24);
    }

    [Fact]
    public void A_fault_that_is_no_pictures_ends_the_pass()
    {
        var set = new PictureSet("set", [], Pictures(5).Items, [], _ => throw new NotSupportedException("a fault of the source"));
        var error = Assert.Throws<InvalidOperationException>(() => BatchLoader.Load(set, [new(0), new(1)], new LoaderOptions { BatchSize = 1 }).ToList());
        Assert.Contains("a fault of the source", error.Message);
    }

    [Fact]
    public void No_requests_give_no_batches() => Assert.Empty(BatchLoader.Load(Pictures(1), [], new LoaderOptions()));

    static PictureSet Pictures(int count)
    {
        byte[][] bytes = [.. Files.Select(file => GoldenPictures.ReadFile("pictures", file))];
        return new PictureSet("set", [], [.. Enumerable.Range(0, count).Select(i => new PictureItem($"{i}", -1, PictureSplit.None))], [], i => bytes[i % bytes.Length]);
    }
}
