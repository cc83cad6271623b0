using Diffract.Torch;

namespace Diffract.Models;

/// <summary>Where fetched checkpoints lie, and how --model finds them.</summary>
public static class ModelCache
{
    /// <summary>$XDG_CACHE_HOME/diffract/models, or ~/.cache/diffract/models.</summary>
    public static string Folder => Path.Combine(CacheFolder.Root, "models");

    public static string PathOf(PublishedModel model) => Path.Combine(Folder, model.File);

    /// <summary>The file that is meant: a path to one that exists, "builtin", or the name of a published checkpoint that has been fetched.</summary>
    /// <exception cref="CheckpointException">There is no such file; the message says how to get it, where the name is known.</exception>
    public static string Resolve(string pathOrName)
    {
        if (File.Exists(pathOrName))
        {
            return pathOrName;
        }
        if (pathOrName == BuiltInModel.Name)
        {
            return BuiltInModel.Path;
        }
        if (Directory.Exists(pathOrName))
        {
            throw new CheckpointException($"{pathOrName}: is a folder; give the file of weights in it");
        }
        if (PublishedModels.Find(pathOrName) is not { } model)
        {
            throw new CheckpointException($"{pathOrName}: there is no such file, and no published checkpoint of that name (`diffract models` lists them)");
        }
        var path = PathOf(model);
        return File.Exists(path) ? path : throw new CheckpointException($"{pathOrName}: not fetched yet. `diffract models get {model.Name}` fetches it from {model.Address.Host}");
    }
}
