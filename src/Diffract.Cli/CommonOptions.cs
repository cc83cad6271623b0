using System.CommandLine;
using System.Text;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Cli;

/// <summary>Options that several verbs share, with one wording.</summary>
static class CommonOptions
{
    public static Option<string> Data() => new("--data") { Description = "Folder, .tar or .tar.gz of class folders or of a published data set, a list of pictures, or builtin:train=N,test=M", Required = true, HelpName = "DIR" };

    public static Option<string?> Layout() => new("--layout") { Description = $"How the pictures lie on disk, where that is not plain from the files: {string.Join(", ", PictureSetOptions.Layouts)}", HelpName = "NAME" };

    public static Option<string?> Classes() => new("--classes") { Description = "Keep the classes of a list only: a file with a name a line, or imagenet-50", HelpName = "FILE" };

    /// <summary>The pictures that --data, --layout and --classes name.</summary>
    public static PictureSet Open(string path, string? layout, string? classes) => PictureSet.Open(path, new() { Layout = layout, Classes = classes is null ? null : ClassList.Read(classes) });

    public static Option<string> Out(string what) => new("--out") { Description = what, Required = true, HelpName = "PATH" };

    public static Option<bool> Json() => new("--json") { Description = "Progress and results as JSON lines" };

    public static Option<string> DeviceOption() => new("--device") { Description = "cpu, cuda, cuda:N or auto", DefaultValueFactory = _ => "auto" };

    public static Option<string> Precision(string standard) => new("--precision") { Description = "fp32 or bf16", DefaultValueFactory = _ => standard };

    public static Option<ulong> Seed() => new("--seed") { Description = "Seed of all that is random", DefaultValueFactory = _ => 0 };

    public static DType ParsePrecision(string text) => text switch
    {
        "fp32" => DType.Float32,
        "bf16" => DType.BFloat16,
        _ => throw new ArgumentException($"--precision {text}: expected fp32 or bf16"),
    };

    /// <summary>Refuses an output that is one of the files that are read.</summary>
    /// <exception cref="ArgumentException">It is.</exception>
    public static void RefuseOver(string option, string? output, params IEnumerable<string> inputs)
    {
        if (output is not null && inputs.Any(input => Path.GetFullPath(input) == Path.GetFullPath(output)))
        {
            throw new ArgumentException($"{option} {output} is a file that is read; give another name");
        }
    }

    /// <summary>Refuses an output in whose place there is a file of another kind: a result, a head or a picture that a slip of the name would lose.</summary>
    /// <param name="start">How a file of the kind begins.</param>
    /// <exception cref="ArgumentException">There is.</exception>
    public static void RefuseOverOther(string option, string? output, string start)
    {
        if (output is null || !File.Exists(output) || new FileInfo(output).Length == 0)
        {
            return;
        }
        using var file = File.OpenRead(output);
        var bytes = new byte[start.Length];
        if (file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length || !bytes.AsSpan().SequenceEqual(Encoding.ASCII.GetBytes(start)))
        {
            throw new ArgumentException($"{option} {output}: there is a file of that name, of another kind; give another name, or delete it");
        }
    }
}
