using System.Runtime.InteropServices;

namespace Diffract.Data;

/// <summary>libwebp, where the system has it.</summary>
static unsafe class WebP
{
    static readonly Lazy<(nint Info, nint Decode)> Library = new(Load);

    public static bool IsThere => Library.Value.Info != 0;

    /// <exception cref="InvalidDataException">There is no libwebp, or the header is damaged.</exception>
    public static (int Width, int Height) Size(ReadOnlySpan<byte> file)
    {
        var info = (delegate* unmanaged<byte*, nuint, int*, int*, int>)Loaded().Info;
        int width, height;
        fixed (byte* data = file)
        {
            if (info(data, (nuint)file.Length, &width, &height) == 0) { throw new InvalidDataException("damaged or truncated WebP: libwebp cannot read its header"); }
        }
        return (width, height);
    }

    /// <summary>Red, green, blue; transparency is dropped.</summary>
    /// <exception cref="InvalidDataException">The pixels are damaged or cut short.</exception>
    public static Picture Decode(ReadOnlySpan<byte> file, int width, int height)
    {
        var decode = (delegate* unmanaged<byte*, nuint, byte*, nuint, int, byte*>)Loaded().Decode;
        var picture = Picture.Unwritten(width, height);
        fixed (byte* data = file, pixels = picture.Rgb)
        {
            if (decode(data, (nuint)file.Length, pixels, (nuint)picture.Rgb.Length, 3 * width) == null)
            {
                throw new InvalidDataException("damaged or truncated WebP: libwebp cannot decode it");
            }
        }
        return picture;
    }

    static (nint Info, nint Decode) Loaded() => IsThere
        ? Library.Value
        : throw new InvalidDataException("reading WebP needs libwebp (Debian, Ubuntu: apt-get install libwebp7), which was not found");

    static (nint, nint) Load()
    {
        string[] names = ["libwebp.so.7", "libwebp.so", "libwebp.7.dylib", "libwebp.dll"];
        foreach (string name in names)
        {
            if (NativeLibrary.TryLoad(name, out nint library)
                && NativeLibrary.TryGetExport(library, "WebPGetInfo", out nint info)
                && NativeLibrary.TryGetExport(library, "WebPDecodeRGBInto", out nint decode))
            {
                return (info, decode);
            }
        }
        return (0, 0);
    }
}
