using System.Text.Json;
using Diffract.Nn;
using Diffract.Torch;

namespace Diffract.Tests;

/// <summary>Numbers that the original code printed, with the tolerances that came with them; see tests/golden/README.md.</summary>
sealed class Golden : IDisposable
{
    readonly JsonDocument _description;
    readonly Dictionary<string, CheckpointFile> _files = [];

    Golden(string folder)
    {
        Folder = folder;
        _description = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, Path.GetFileName(folder) + ".json")));
    }

    public string Folder { get; }
    public JsonElement Description => _description.RootElement;

    public static string Root { get; } = FindRoot();

    public static Golden Load(string fixture) => new(Path.Combine(Root, fixture));

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    public CheckpointFile this[string file]
    {
        get
        {
            if (!_files.TryGetValue(file, out var open))
            {
                _files[file] = open = CheckpointFile.Open(Path.Combine(Folder, file));
            }
            return open;
        }
    }

    public Tensor Input(string name) => this["inputs.safetensors"].Get(name).ToTensor();

    public bool Has(string file, string name) => this[file].Tensors.ContainsKey(name);

    /// <summary>Weights of a file as a model's store.</summary>
    public ParameterStore Store(string file) => ParameterStore.From(this[file].StateDict());

    /// <summary>Compares with an array of "outputs.safetensors" under the tolerance that its fixture states.</summary>
    public void Check(string name, Tensor actual) => Check("outputs.safetensors", name, actual);

    public void Check(string file, string name, Tensor actual)
    {
        using var scope = new TensorScope();
        var wanted = this[file].Get(name).ToTensor();
        Assert.True(wanted.Shape.SequenceEqual(actual.Shape), $"{name}: is {actual}, wanted {wanted}");
        Tolerance.Of(Description.GetProperty("files").GetProperty(file).GetProperty("arrays").GetProperty(name))
            .Check(name, wanted.ToArray<double>(), actual.ToArray<double>(), wanted.Shape);
    }

    public void Dispose()
    {
        foreach (var file in _files.Values)
        {
            file.Dispose();
        }
        _description.Dispose();
    }

    static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (Directory.Exists(Path.Combine(folder.FullName, "tests", "golden")))
            {
                return Path.Combine(folder.FullName, "tests", "golden");
            }
        }
        throw new DirectoryNotFoundException("tests/golden was not found above " + AppContext.BaseDirectory);
    }
}
