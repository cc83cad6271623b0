using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Torch;

namespace Diffract.Tests.Models;

public sealed class ModelCacheTests : IDisposable
{
    readonly ScratchFolder _cache = new();
    readonly string? _before = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");

    public ModelCacheTests() => Environment.SetEnvironmentVariable("XDG_CACHE_HOME", Path.GetDirectoryName(_cache["x"]));

    public void Dispose()
    {
        Environment.SetEnvironmentVariable("XDG_CACHE_HOME", _before);
        _cache.Dispose();
    }

    [Fact]
    public void A_name_means_the_fetched_file()
    {
        Directory.CreateDirectory(ModelCache.Folder);
        File.WriteAllText(Path.Combine(ModelCache.Folder, "lsun_cat.pt"), "");

        Assert.Equal(_cache["diffract/models/lsun_cat.pt"], ModelCache.Resolve("lsun_cat"));
        Assert.Equal(_cache["diffract/models/lsun_cat.pt"], ModelCache.Resolve("lsun_cat.pt"));
    }

    [Fact]
    public void A_file_comes_before_a_name()
    {
        var path = _cache.Write("lsun_cat", []);

        Assert.Equal(path, ModelCache.Resolve(path));
    }

    [Theory]
    [InlineData("lsun_cat", "`diffract models get lsun_cat`")]
    [InlineData("nothing", "no published checkpoint of that name")]
    [InlineData("/", "is a folder")]
    public void What_is_not_there_is_explained(string name, string expected) => Assert.Contains(expected, Assert.Throws<CheckpointException>(() => ModelCache.Resolve(name)).Message);

    [Fact]
    public void Names_of_published_checkpoints_are_one_each() => Assert.Equal(PublishedModels.All.Count, PublishedModels.All.Select(m => m.Name).Distinct().Count());
}
