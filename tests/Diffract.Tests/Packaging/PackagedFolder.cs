using System.Diagnostics;
using System.Reflection;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Packaging;

/// <summary>The three packages in a folder of their own, and a program that knows nothing else: made once for all tests of a class.</summary>
public sealed class PackagedFolder : IDisposable
{
    static readonly string DotnetRoot = Path.GetFullPath(Path.Combine(System.Runtime.InteropServices.RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));

    readonly TemporaryFolder _folder = new();

    public PackagedFolder()
    {
        var configuration = typeof(PackagedFolder).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;
        File.WriteAllText(_folder["pack.proj"], $"""
            <Project>
              <ItemGroup><Packed Include="{Tree}/src/*/*.csproj" /></ItemGroup>
              <Target Name="Pack"><MSBuild Projects="@(Packed)" Targets="Pack" Properties="Configuration={configuration};NoBuild=true;PackageOutputPath={Packages}" /></Target>
            </Project>
            """);
        Dotnet(Tree, [], "msbuild", _folder["pack.proj"], "-t:Pack", "-v:q", "-nologo").Succeeded();
        BenchNets.WriteCheckpoint(Model, TinyNet.Config, DType.Float32, seed: 1);
    }

    /// <summary>The source.</summary>
    public static string Tree { get; } = Path.GetFullPath(Path.Combine(Golden.Root, "..", ".."));

    public static string Sample => Path.Combine(Tree, "samples", "FolderToClassifier", "Program.cs");

    public string Packages => _folder["packages"];

    /// <summary>A net of random weights for pictures of 16x16.</summary>
    public string Model => _folder["tiny.safetensors"];

    public string this[string name] => _folder[name];

    /// <summary>An empty folder in which dotnet knows one source, ours, and no package from elsewhere.</summary>
    public string NewProject(string name)
    {
        var folder = Directory.CreateDirectory(_folder[name]).FullName;
        File.WriteAllText(Path.Combine(folder, "nuget.config"), $"""
            <configuration>
              <packageSources><clear /><add key="packed" value="{Packages}" /></packageSources>
              <packageSourceMapping><clear /></packageSourceMapping>
              <fallbackPackageFolders><clear /></fallbackPackageFolders>
            </configuration>
            """);
        return folder;
    }

    /// <summary>dotnet for someone who has the packages alone: a package folder of its own, and no hint where the shim is.</summary>
    public Ended Alone(string folder, params string[] arguments) => Dotnet(folder, Strange, arguments);

    /// <summary>Another program in the same surroundings.</summary>
    public Ended Alone(string program, string folder, (string, string?)[] variables, params string[] arguments) => Run(program, folder, [.. Strange, .. variables], arguments);

    (string, string?)[] Strange => [("NUGET_PACKAGES", _folder["cache"]), ("DIFFRACT_NATIVE", null)];

    public static Ended Dotnet(string folder, (string, string?)[] variables, params string[] arguments) => Run(Path.Combine(DotnetRoot, "dotnet"), folder, variables, arguments);

    static Ended Run(string program, string folder, (string Name, string? Value)[] variables, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("MSBuild", StringComparison.OrdinalIgnoreCase) || name.StartsWith("VSTEST", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);                                                // of the dotnet that runs the tests
        }
        foreach (var (name, value) in ((string, string?)[])
            [("DOTNET_ROOT", DotnetRoot), ("DOTNET_CLI_TELEMETRY_OPTOUT", "1"), ("DOTNET_NOLOGO", "1"), ("DOTNET_SKIP_FIRST_TIME_EXPERIENCE", "1"), ("DOTNET_GENERATE_ASPNET_CERTIFICATE", "false"),
             ("DOTNET_ADD_GLOBAL_TOOLS_TO_PATH", "false"), ("DOTNET_CLI_UI_LANGUAGE", "en"), ("DOTNET_CLI_USE_MSBUILD_SERVER", "0"), ("MSBUILDDISABLENODEREUSE", "1"), ("UseSharedCompilation", "false"), .. variables])
        {
            start.Environment[name] = value;
        }
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new($"{Path.GetFileName(program)} {string.Join(' ', arguments)}", process.ExitCode, output, errors.Result);
    }

    public void Dispose() => _folder.Dispose();
}

/// <summary>A program that has ended.</summary>
public sealed record Ended(string Command, int Code, string Output, string Errors)
{
    public Ended Succeeded() => Code == 0 ? this : throw new InvalidOperationException($"{Command} ended with {Code}:\n{Output}\n{Errors}");
}
