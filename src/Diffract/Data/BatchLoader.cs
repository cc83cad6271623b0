namespace Diffract.Data;

/// <summary>How pictures are loaded.</summary>
public sealed record LoaderOptions
{
    /// <summary>Rows of the net's input.</summary>
    public int Height { get; init; } = 256;

    /// <summary>Columns of it.</summary>
    public int Width { get; init; } = 256;

    /// <summary>Requests a batch; a batch has fewer pictures where some fail.</summary>
    public int BatchSize { get; init; } = 16;

    /// <summary>Threads that read, decode and resize.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>Batches that may be ready or in work beside the one that is being used; with BatchSize it bounds the memory.</summary>
    public int BatchesAhead { get; init; } = 2;

    public ExifPolicy Exif { get; init; } = ExifPolicy.Apply;
}

/// <summary>
/// Loads pictures on worker threads, some batches ahead. Batches come in the order of the requests whatever the number of workers; a broken
/// picture becomes an entry of its batch's failures.
/// </summary>
public static class BatchLoader
{
    /// <summary>The batches of all requests. The workers start with the enumeration and have ended when it is disposed, as foreach does.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    /// <exception cref="Diffract.Torch.TorchException">The libraries that decode pictures are missing.</exception>
    public static IEnumerable<PictureBatch> Load(PictureSet set, IReadOnlyList<LoadRequest> requests, LoaderOptions options, CancellationToken cancellation = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchSize, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.Workers, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(options.BatchesAhead, 1);
        return Run();

        IEnumerable<PictureBatch> Run()
        {
            PictureOperators.Load();                                                   // missing libraries are no picture's fault
            using var run = new LoaderRun(set, requests, options);
            using var registration = cancellation.Register(run.Stop);
            for (int batch = 0; (long)batch * options.BatchSize < requests.Count; batch++)
            {
                var loaded = run.Wait(batch);
                cancellation.ThrowIfCancellationRequested();
                yield return loaded!;
                run.Release();
            }
        }
    }

    /// <summary>One picture as a batch would hold it: read, decoded, cropped, mirrored.</summary>
    /// <exception cref="PictureException">It cannot be read or decoded.</exception>
    public static (Picture Picture, ContentHash Hash) LoadOne(PictureSet set, LoadRequest request, int height, int width, ExifPolicy exif = ExifPolicy.Apply)
    {
        byte[] file = set.ReadBytes(request.Item);
        var hash = ContentHash.Of(file);
        var picture = ImageDecoder.Decode(file, set.Items[request.Item].Path, exif);
        picture = request.View switch
        {
            { ResizedCrop: { } seed } => RandomResizedCrop.Apply(picture, height, width, seed),
            { Crop: { } draws } => Preprocess.RandomCrop(picture, height, width, draws),
            _ => Preprocess.CenterCrop(picture, height, width),
        };
        return (request.View.Flip ? Preprocess.FlipHorizontal(picture) : picture, hash);
    }
}
