namespace Diffract.Torch;

/// <summary>Switches the recording of gradients on or off for this thread until disposed.</summary>
public readonly ref struct GradMode : IDisposable
{
    readonly int _before;

    GradMode(bool on)
    {
        _before = Native.diffract_grad_mode(-1);
        Native.diffract_grad_mode(on ? 1 : 0);
    }

    /// <summary>Nothing is recorded: inference.</summary>
    public static GradMode Off() => new(false);

    public static GradMode On() => new(true);

    public static bool IsOn => Native.diffract_grad_mode(-1) != 0;

    public void Dispose() => Native.diffract_grad_mode(_before);
}
