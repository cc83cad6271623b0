using System.Text;
using Diffract.Models;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Brings a published checkpoint into a folder, where --model NAME then finds it.</summary>
public static class FetchModel
{
    /// <summary>
    /// Fetches the file unless it is there, goes on where an earlier attempt stopped, and checks it: its size and SHA-256 where they are known, that it opens,
    /// and that it is the net it should be. Its SHA-256 is kept beside it, and compared when it is asked for again.
    /// </summary>
    /// <param name="folder">Made where it is missing; null: <see cref="ModelCache.Folder"/>.</param>
    /// <exception cref="IOException">The server cannot be reached or has another file, or the disk is full.</exception>
    /// <exception cref="CheckpointException">What came is no checkpoint, its hash differs, or it is another net than it should be.</exception>
    public static FetchedModel Run(PublishedModel model, string? folder = null, DownloadSettings? settings = null, Action<Progress>? report = null, CancellationToken cancellation = default)
    {
        var path = Path.Combine(Directory.CreateDirectory(folder ?? ModelCache.Folder).FullName, model.File);
        if (File.Exists(path))
        {
            return new(path, CheckOld(model, path), IsNew: false);
        }
        var partial = path + AtomicFile.PartialSuffix;
        new Download(model.Address, partial, model.Bytes, settings ?? new(), report, cancellation).Run().GetAwaiter().GetResult();
        var hash = CheckNew(model, partial, path + ".refused");
        AtomicFile.Write(RecordOf(path), Encoding.ASCII.GetBytes($"{hash}  {model.File}\n"));
        File.Move(partial, path);
        return new(path, hash, IsNew: true);
    }

    /// <summary>In the form of sha256sum.</summary>
    static string RecordOf(string path) => path + ".sha256";

    static string CheckNew(PublishedModel model, string partial, string refused)
    {
        try
        {
            using var file = CheckpointFile.Open(partial);
            CheckKind(model, file);
            return model.Sha256 is null || file.Sha256 == model.Sha256 ? file.Sha256
                : throw new CheckpointException($"{model.Address}: what came has the SHA-256 {file.Sha256}, the published file has {model.Sha256}.");
        }
        catch (Exception exception) when (exception is CheckpointException or UNetConfigException)
        {
            File.Move(partial, refused, overwrite: true);
            throw new CheckpointException($"{exception.Message.TrimEnd('.')}. It was put aside as {refused}; the same command fetches it anew.", exception);
        }
    }

    static string CheckOld(PublishedModel model, string path)
    {
        using var file = CheckpointFile.Open(path);
        var record = RecordOf(path);
        if (!File.Exists(record))
        {
            AtomicFile.Write(record, Encoding.ASCII.GetBytes($"{file.Sha256}  {model.File}\n"));
        }
        var wanted = model.Sha256 ?? File.ReadAllText(record).Split(' ')[0];
        return file.Sha256 == wanted ? file.Sha256
            : throw new CheckpointException($"{path}: has the SHA-256 {file.Sha256}, and had {wanted} when it was published or fetched. Delete it, and the same command fetches it anew.");
    }

    static void CheckKind(PublishedModel model, CheckpointFile file)
    {
        var weights = file.StateDict();
        var kind = CheckpointKind.Of([.. weights.Keys]);
        if (kind.Family != (model.Config is null ? CheckpointFamily.Classifier : CheckpointFamily.UNet))
        {
            throw new CheckpointException($"{model.Address}: what came is {kind.Description}, not {model.Name}.");
        }
        if (model.Config is { } config)
        {
            UNetRecognizer.CheckAgreement(config, UNetRecognizer.FromShapes(weights.ToDictionary(p => p.Key, p => (IReadOnlyList<long>)p.Value.Shape), file.Path), model.Name, file.Path);
        }
    }
}

/// <param name="Path">The whole, checked file.</param> <param name="Sha256">In lower-case hex.</param> <param name="IsNew">False where it had been fetched before.</param>
public sealed record FetchedModel(string Path, string Sha256, bool IsNew);
