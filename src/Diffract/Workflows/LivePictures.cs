using Diffract.Data;
using Diffract.Features;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Some rows as a net's input.</summary>
/// <param name="Rows">In order; those that could not be read are missing.</param> <param name="X0">(N, 3, H, W) in [-1, 1], in the host's memory, each as its view shows it.</param>
/// <param name="Noise">What their noise follows from.</param>
public sealed record PictureRows(int[] Rows, Tensor X0, IReadOnlyList<PictureNoise> Noise);

/// <summary>Pictures in a given order, read, decoded, cropped and mirrored by worker threads ahead of their use.</summary>
public sealed class LivePictures(ExtractItems items, FeatureRequest request, int workers)
{
    const long BytesAhead = 64 << 20;

    readonly SortedDictionary<int, string> _failures = [];
    readonly ContentHash?[] _hashes = new ContentHash?[items.Items.Count];

    /// <summary>Pictures that could not be read so far, path and why.</summary>
    public IReadOnlyList<(string Path, string Error)> Failures => [.. _failures.Select(pair => (items.Set.Items[items.Items[pair.Key].Item].Path, pair.Value))];

    /// <summary>Hash of an item's file, which is read where it has not been yet.</summary>
    /// <exception cref="PictureException">It cannot be read.</exception>
    public ContentHash HashOf(int row) => _hashes[row] ??= ContentHash.Of(items.Set.ReadBytes(items.Items[row].Item));

    /// <summary>Batches of the given sizes, in order.</summary>
    /// <param name="looks">Rows count the items.</param> <param name="sizes">They add up to the number of looks.</param>
    /// <exception cref="PictureException">No picture of a batch can be read.</exception>
    public IEnumerable<PictureRows> Load(IReadOnlyList<RowLook> looks, IEnumerable<int> sizes, CancellationToken cancellation = default)
    {
        // Batches differ in size, so the loader's own are single pictures.
        var ahead = (int)Math.Clamp(BytesAhead / (3L * request.Height * request.Width), 16, 1024);
        var options = new LoaderOptions { Height = request.Height, Width = request.Width, BatchSize = 1, BatchesAhead = ahead, Workers = workers, Exif = request.Exif };
        var requests = new LazyList<LoadRequest>(looks.Count, i => new(items.Items[looks[i].Row].Item, looks[i].View));
        using var pictures = BatchLoader.Load(items.Set, requests, options, cancellation).GetEnumerator();
        var at = 0;
        foreach (var size in sizes)
        {
            yield return Next(pictures, looks, at, size);
            at += size;
        }
    }

    PictureRows Next(IEnumerator<PictureBatch> pictures, IReadOnlyList<RowLook> looks, int first, int size)
    {
        using var scope = new TensorScope();
        var x0 = Aten.Empty([size, 3, request.Height, request.Width]);
        var each = 3 * request.Height * request.Width;
        var (rows, noise) = (new List<int>(size), new List<PictureNoise>(size));
        for (var i = first; i < first + size && pictures.MoveNext(); i++)
        {
            var (row, view, draw) = looks[i];
            foreach (var failure in pictures.Current.Failures)
            {
                _failures[row] = failure.Error.Message;
            }
            foreach (var picture in pictures.Current.Pictures)
            {
                pictures.Current.Normalise(x0.Span<float>().Slice(rows.Count * each, each));
                rows.Add(row);
                _hashes[row] = picture.Hash;
                noise.Add(new(picture.Hash, view.Flip ? 1 : 0, draw));
            }
        }
        return rows.Count > 0 ? new([.. rows], scope.Return(x0.Narrow(0, 0, rows.Count)), noise)
            : throw new PictureException($"{items.Set.Name}: none of a batch of {size} pictures could be read; the first: {_failures[looks[first].Row]}");
    }
}
