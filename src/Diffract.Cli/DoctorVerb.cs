using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Diffract.Nn;
using Diffract.Workflows;

namespace Diffract.Cli;

/// <summary>What was found, a line each, then what is wrong, with the fix. Exit code 1 where pictures cannot be worked on.</summary>
static class DoctorVerb
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "One JSON object" };
        var verb = new Command("doctor", "Say what was found on this machine, and what is wrong") { json };
        verb.SetAction(arguments =>
        {
            var found = Diagnosis.Run();
            if (arguments.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(found, JsonOutput.Options));
            }
            else
            {
                Print(found);
            }
            return found.IsUsable ? 0 : 1;
        });
        return verb;
    }

    static void Print(Diagnosis found)
    {
        foreach (var (name, value) in Lines(found))
        {
            Console.WriteLine($"{name,-12}{value}");
        }
        Console.WriteLine();
        foreach (var fault in found.Faults)
        {
            Console.WriteLine($"{(fault.Stops ? "WRONG" : "note"),-6}{fault.What}{Environment.NewLine}{"",-6}-> {fault.Fix}");
        }
        Console.WriteLine(found.Faults.Count == 0 ? "All is well." : found.IsUsable ? "Usable as it is." : "Not usable yet.");
    }

    static IEnumerable<(string, string)> Lines(Diagnosis found)
    {
        var (machine, engine) = (found.Machine, found.Engine);
        yield return ("libtorch", engine is null ? "cannot be loaded" : $"{engine.Version}, {engine.Path ?? "path unknown"}");
        yield return ("shim", engine?.Shim ?? "not loaded");
        yield return ("pictures", engine?.PictureLibrary is { } library ? $"torchvision {engine.PictureVersion ?? "(version unknown)"}, {library}; WebP: {(found.HasWebP ? "yes" : "no")}" : "torchvision's operators are not there");
        yield return ("BLAS", Blas(engine));
        yield return ("oneDNN", engine is null ? "unknown" : $"{engine.OneDnn ?? "none"}; libtorch's own kernels: {engine.Capability ?? "unknown"}");
        yield return ("threads", $"{engine?.Threads.ToString(CultureInfo.InvariantCulture) ?? "?"} on {machine.Cores} cores{(machine.CoreLimit is { } limit ? string.Create(CultureInfo.InvariantCulture, $", the container grants {limit:0.##}") : "")}");
        yield return ("processor", $"{machine.Processor}: AVX2 {Yes(machine.Avx2)}, AVX-512 {Yes(machine.Avx512)}, BF16 {Yes(machine.BFloat16)}, AMX {Yes(machine.Amx)}; Diffract's kernels: {machine.KernelPath}{(engine is null ? "" : $", products of {Products(engine, machine)} for bfloat16 maps")}");
        yield return ("CUDA", Cuda(found));
        yield return ("memory", $"{Size(machine.Memory)}, {Size(machine.MemoryAvailable)} available{(machine.MemoryLimit is { } bytes ? $", the container grants {Size(bytes)}" : "")}");
        yield return ("cache", $"{found.CacheFolder}, {Size(found.CacheFree)} free");
        if (found.Environment.Count > 0)
        {
            yield return ("set by you", string.Join(" ", found.Environment.Select(pair => $"{pair.Key}={pair.Value}")));
        }
    }

    static string Products(EngineFacts engine, Machine machine) => (engine.Factors?.ToString().ToLowerInvariant() ?? "oneDNN") + engine.MatrixUnit switch
    {
        MatrixUnit.Amx => " in the matrix unit",
        MatrixUnit.Software => " in a matrix unit made of software (slow)",
        _ => machine.Amx ? " (its matrix unit is set aside, or the system refuses it)" : "",
    };

    static string Blas(EngineFacts? engine) => engine is null ? "unknown" : string.Create(CultureInfo.InvariantCulture,
        $"{engine.Blas?.Name ?? "unknown"}{(engine.Blas?.Version is { } version ? " " + version : "")}{(engine.Blas?.Kernel is { } kernel ? $", {kernel} kernels" : "")}; float32: {engine.MatrixRate / 1e9:f0} GFLOP/s a thread");

    static string Cuda(Diagnosis found) => found.Engine is { CudaDevices: > 0 and var devices }
        ? $"{devices} device{(devices == 1 ? "" : "s")}{(found.Gpus.Count > 0 ? ": " + string.Join(", ", found.Gpus) : "")}"
        : found.Gpus.Count > 0 ? $"none that libtorch sees ({string.Join(", ", found.Gpus)})" : "none";

    static string Yes(bool value) => value ? "yes" : "no";

    static string Size(long? bytes) => bytes is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value / (double)(1 << 30):f1} GiB") : "unknown";
}
