using System.IO.Compression;
using System.Text.RegularExpressions;
using Diffract.Data;

namespace Diffract.Tests.Packaging;

public class PackageTests(PackagedFolder packed) : IClassFixture<PackagedFolder>
{
    const string Pictures = "builtin:train=60,test=20,size=16";

    [Fact]
    public void The_packages_hold_the_native_part_its_sources_and_a_readme()
    {
        string[] Entries(string id)
        {
            using var zip = ZipFile.OpenRead(Directory.GetFiles(packed.Packages).Single(file => Regex.IsMatch(Path.GetFileName(file), $@"^{id}\.\d.*\.nupkg$")));
            return [.. zip.Entries.Select(entry => entry.FullName)];
        }
        var (torch, library, tool) = (Entries("Diffract.Torch"), Entries("Diffract"), Entries("Diffract.Tool"));

        Assert.Contains(torch, name => name.StartsWith("runtimes/linux-", StringComparison.Ordinal) && name.EndsWith("/native/libdiffract_native.so", StringComparison.Ordinal));
        Assert.Contains("native/CMakeLists.txt", torch);
        Assert.Contains("native/kernels/group_norm_silu.cpp", torch);
        Assert.Contains("README.md", torch);
        Assert.Contains("lib/net10.0/Diffract.dll", library);
        Assert.Contains("library.md", library);
        Assert.Contains(tool, name => name.StartsWith("tools/net10.0/any/runtimes/linux-", StringComparison.Ordinal));
        Assert.Contains("README.md", tool);
    }

    [Fact]
    public void The_sample_runs_in_an_empty_project_that_has_the_package_alone()
    {
        var folder = packed.NewProject("consumer");
        File.WriteAllText(Path.Combine(folder, "Consumer.csproj"), """
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <OutputType>Exe</OutputType>
                <TargetFramework>net10.0</TargetFramework>
                <ImplicitUsings>enable</ImplicitUsings>
                <Nullable>enable</Nullable>
              </PropertyGroup>
              <ItemGroup><PackageReference Include="Diffract" Version="*" /></ItemGroup>
            </Project>
            """);
        File.Copy(PackagedFolder.Sample, Path.Combine(folder, "Program.cs"));
        packed.Alone(folder, "build", "-v", "q", "-o", "out").Succeeded();
        var consumer = Path.Combine(folder, "out", "Consumer");

        var run = packed.Alone(consumer, folder, [], packed.Model, Pictures, "result").Succeeded();
        CheckOutput(run);
        Assert.True(File.Exists(Path.Combine(folder, "result", "head", "head.safetensors")));

        var empty = Directory.CreateDirectory(packed["empty"]).FullName;
        var without = packed.Alone(consumer, folder, [("LIBTORCH", empty)], packed.Model, Pictures, "other");
        Assert.NotEqual(0, without.Code);
        Assert.Matches($"(?m)^Unhandled exception. Diffract.Torch.TorchException: LIBTORCH={empty}: .*libtorch_cpu.so.*LIBTORCH must name the folder.*$", without.Errors);
    }

    [Fact]
    public void The_sample_runs_in_the_source_tree()
    {
        var project = Path.GetDirectoryName(PackagedFolder.Sample)!;
        var configuration = Path.GetFileName(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));
        var program = Path.Combine(PackagedFolder.Tree, "build", "dotnet", "bin", Path.GetFileName(project), configuration, Path.GetFileName(project) + ".dll");

        CheckOutput(PackagedFolder.Dotnet(packed["."], [], program, packed.Model, Pictures, packed["in-tree"]).Succeeded());
    }

    [Fact]
    public void The_command_installs_as_a_tool()
    {
        var (folder, tools) = (packed.NewProject("tool"), packed["tools"]);
        packed.Alone(folder, "tool", "install", "Diffract.Tool", "--tool-path", tools).Succeeded();

        var help = packed.Alone(Path.Combine(tools, "diffract"), folder, [], "--help").Succeeded();
        Assert.Contains("extract", help.Output);
        var extract = packed.Alone(Path.Combine(tools, "diffract"), folder, [], "extract", "--model", packed.Model, "--data", Pictures, "--out", packed["store"]).Succeeded();
        Assert.Contains("80 rows", extract.Output);
    }

    [Theory, InlineData("README.md"), InlineData("docs/library.md")]
    public void A_page_shows_the_sample_as_it_is(string page)
    {
        Assert.Contains($"```csharp\n{File.ReadAllText(PackagedFolder.Sample)}```\n", File.ReadAllText(Path.Combine(PackagedFolder.Tree, page)));
    }

    static void CheckOutput(Ended run)
    {
        var lines = run.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("^[0-9]+ of 20 test pictures are told right$", lines[0]);
        Assert.Equal(5, lines.Length - 1);
        Assert.All(lines.Skip(1), line => Assert.Contains(line.Split(": ")[1], BuiltInPictures.ClassNames));
        Assert.Contains("extract: 80 of 80 pictures", run.Errors);
    }
}
