using Diffract.Data;

namespace Diffract.Workflows;

/// <summary>Reads all files of a set once, several at a time, and keeps of each its hash, size and format: about 40 bytes a picture.</summary>
sealed class PictureContents(PictureSet set)
{
    readonly ContentHash[] _hashes = new ContentHash[set.Items.Count];
    readonly PictureSize?[] _sizes = new PictureSize?[set.Items.Count];
    readonly PictureFormat[] _formats = new PictureFormat[set.Items.Count];
    readonly string?[] _faults = new string?[set.Items.Count];
    long _bytes;

    public static ContentReport Read(PictureSet set, InspectDataOptions options, Action<Progress>? report, CancellationToken cancellation)
    {
        var contents = new PictureContents(set);
        if (options.Decode) { PictureOperators.Load(); }                               // missing libraries are no picture's fault
        var meter = new ProgressMeter("data", "pictures", 0, set.Items.Count, report);
        int done = 0;
        Parallel.For(0, set.Items.Count, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(options.Workers, 1), CancellationToken = cancellation }, index =>
        {
            contents.ReadOne(index, options.Decode);
            lock (meter) { meter.Report(++done); }
        });
        return contents.Report();
    }

    void ReadOne(int index, bool decode)
    {
        string path = set.Items[index].Path;
        try
        {
            byte[] file = set.ReadBytes(index);
            Interlocked.Add(ref _bytes, file.Length);
            _hashes[index] = ContentHash.Of(file);
            var header = PictureHeader.Read(file, path);
            bool turned = header.Orientation >= 5;
            _sizes[index] = turned ? new(header.Height, header.Width) : new(header.Width, header.Height);
            _formats[index] = header.Format;
            if (decode) { ImageDecoder.Decode(file, path); }
        }
        catch (PictureException fault) { _faults[index] = fault.Message; }
    }

    ContentReport Report()
    {
        int[] bad = [.. Enumerable.Range(0, _faults.Length).Where(i => _faults[i] is not null)];
        var formats = Enumerable.Range(0, _sizes.Length).Where(i => _sizes[i] is not null).CountBy(i => _formats[i]).OrderBy(pair => pair.Key).ToDictionary();
        var sizes = _sizes.OfType<PictureSize>().OrderBy(size => (long)size.Width * size.Height).ThenBy(size => size.Width).ToList();
        return new(_bytes, formats, sizes.FirstOrDefault(), sizes.ElementAtOrDefault(sizes.Count / 2), sizes.LastOrDefault(),
            bad.Length, [.. bad.Take(InspectData.MostNamed).Select(i => new BadPicture(set.Items[i].Path, _faults[i]!))], Same());
    }

    // What two broken files share is no picture, so they are left out.
    Duplicates Same()
    {
        int[] order = [.. Enumerable.Range(0, _hashes.Length).Where(i => _faults[i] is null)];
        Array.Sort([.. order.Select(i => (_hashes[i].Value, i))], order);
        var groups = new List<(int Harm, List<int> Items)>();
        for (int start = 0, end; start < order.Length; start = end)
        {
            for (end = start + 1; end < order.Length && _hashes[order[end]] == _hashes[order[start]];) { end++; }
            if (end - start > 1) { groups.Add((Harm(order[start..end]), [.. order[start..end]])); }
        }
        int across = groups.Count(group => Differ(group.Items, item => (int)item.Split));
        return new(groups.Count(group => group.Harm == 0), across, groups.Count - across,
            [.. groups.OrderBy(group => group.Harm).ThenBy(group => group.Items.Min()).Take(InspectData.MostNamed).Select(Named)]);
    }

    SamePictures Named((int Harm, List<int> Items) group) => new(group.Items.Count, [.. group.Items.Order().Take(InspectData.MostNamed).Select(i => set.Items[i].Path)]);

    int Harm(int[] group) => Differ(group, item => item.Class) ? 0 : Differ(group, item => (int)item.Split) ? 1 : 2;

    bool Differ(IEnumerable<int> group, Func<PictureItem, int> property) => group.Select(i => property(set.Items[i])).Distinct().Count() > 1;
}
