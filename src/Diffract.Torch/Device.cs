namespace Diffract.Torch;

/// <summary>Where a tensor lives: "cpu", or "cuda:N".</summary>
public readonly record struct Device
{
    /// <param name="name">"cpu", "cuda:N", or "cuda" for "cuda:0".</param>
    public Device(string name) => Name = name == "cuda" ? "cuda:0" : name;

    public string Name { get; }

    public static readonly Device Cpu = new("cpu");

    public static Device Cuda(int index = 0) => new($"cuda:{index}");

    /// <summary>The first CUDA device where there is one, else the processor.</summary>
    public static Device Best => Torch.CudaDevices > 0 ? Cuda() : Cpu;

    public bool IsCpu => Name == "cpu";

    /// <param name="text">"cpu", "cuda", "cuda:1" or "auto".</param>
    /// <exception cref="ArgumentException">Another text, or a CUDA device that is not there.</exception>
    public static Device Parse(string text)
    {
        if (text == "auto")
        {
            return Best;
        }
        var index = text switch { "cpu" => -1, "cuda" => 0, _ when text.StartsWith("cuda:") && int.TryParse(text.AsSpan(5), out var n) && n >= 0 => n, _ => -2 };
        return index switch
        {
            -1 => Cpu,
            -2 => throw new ArgumentException($"device '{text}': expected cpu, cuda, cuda:N or auto"),
            _ when index < Torch.CudaDevices => Cuda(index),
            _ => throw new ArgumentException($"device '{text}': libtorch {Torch.Version} sees {Torch.CudaDevices} CUDA devices. For CUDA, set LIBTORCH to a libtorch that has it."),
        };
    }

    public override string ToString() => Name;
}
