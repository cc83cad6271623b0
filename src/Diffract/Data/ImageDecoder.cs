using System.Numerics;
using Diffract.Torch;

namespace Diffract.Data;

/// <summary>
/// Picture files to pixels: JPEG and PNG by torchvision's operators, WebP by libwebp. Everything becomes 8-bit RGB as Pillow's
/// <c>convert("RGB")</c> makes it: grey is repeated, palettes are looked up, transparency is dropped, CMYK is taken as Adobe writes it (inverted).
/// Of 16-bit samples the high byte is kept; Pillow 9.4 does so for colour and clips grey instead.
/// </summary>
public static unsafe class ImageDecoder
{
    /// <summary>Pictures that claim to be larger are refused before memory is taken.</summary>
    public const long MostPixels = 100_000_000;

    /// <summary>Longer sides are refused.</summary>
    public const int MostSide = 65_535;

    // torchvision's ImageReadMode.
    const int Unchanged = 0, Rgb = 3;

    /// <param name="file">The whole file.</param> <param name="name">Named in errors.</param>
    /// <exception cref="PictureException">The file is not a picture, is damaged or too large, or a library for it is missing.</exception>
    public static Picture Decode(byte[] file, string name, ExifPolicy exif = ExifPolicy.Apply)
    {
        var header = PictureHeader.Read(file, name);
        if ((long)header.Width * header.Height > MostPixels || Math.Max(header.Width, header.Height) > MostSide)
        {
            throw new PictureException($"{name}: says it is {header.Width}x{header.Height}; at most {MostPixels / 1_000_000} million pixels and sides of {MostSide} are read. Scale it down first.");
        }
        try
        {
            var picture = header.Format switch
            {
                PictureFormat.WebP => WebP.Decode(file, header.Width, header.Height),
                PictureFormat.Ppm => Ppm.Decode(file),
                _ => DecodeNatively(file, header),
            };
            return exif == ExifPolicy.Apply ? Exif.Upright(picture, header.Orientation) : picture;
        }
        catch (Exception cause) when (cause is TorchException or InvalidDataException)
        {
            throw new PictureException($"{name}: cannot be decoded ({header.Format}, {header.Width}x{header.Height}): {cause.Message}", cause);
        }
    }

    static Picture DecodeNatively(byte[] file, PictureHeader header)
    {
        PictureOperators.Load();
        fixed (byte* data = file)
        {
            using var scope = new TensorScope();
            var bytes = Tensor.Over((nint)data, DType.UInt8, [file.Length], [1]);
            var pixels = header switch                                                 // (C, H, W)
            {
                { Format: PictureFormat.Jpeg, Channels: 4 } => Dispatcher.Call("image::decode_jpeg", bytes, Unchanged),
                { Format: PictureFormat.Jpeg } => Dispatcher.Call("image::decode_jpeg", bytes, Rgb),
                _ => Dispatcher.Call("image::decode_png", bytes, Rgb, header.Bits == 16),   // true: 16-bit samples are allowed, and come as int32, from torchvision 0.21 as uint16
            };
            if (pixels.Dimensions != 3 || pixels.Size(1) != header.Height || pixels.Size(2) != header.Width)
            {
                throw new InvalidDataException($"its pixels are {pixels}, against its header");
            }
            var rows = Dispatcher.Call("aten::permute", pixels, (long[])[1, 2, 0]).Contiguous();   // (H, W, C); already in this order in memory
            var picture = Picture.Unwritten(header.Width, header.Height);
            switch (rows.DType, rows.Size(2))
            {
                case (DType.UInt8, 3):
                    rows.Span<byte>().CopyTo(picture.Rgb);
                    return picture;
                case (DType.UInt8, 4) when header.Format == PictureFormat.Jpeg:
                    FromInvertedCmyk(rows.Span<byte>(), picture.Rgb);
                    return picture;
                case (DType.Int32, 3):
                    KeepHighBytes<int>(rows.Span<int>(), picture.Rgb);
                    return picture;
                case (DType.UInt16, 3):
                    KeepHighBytes<ushort>(rows.Span<ushort>(), picture.Rgb);
                    return picture;
                default:
                    throw new InvalidDataException($"its pixels came as {pixels}; this version of torchvision treats such files differently");
            }
        }
    }

    // Ink c on paper that k darkens: (255 - c) (255 - k) / 255, rounded; the file holds 255 - c and 255 - k.
    static void FromInvertedCmyk(ReadOnlySpan<byte> cmyk, Span<byte> rgb)
    {
        for (int from = 0, to = 0; to < rgb.Length; from += 4)
        {
            int light = cmyk[from + 3];
            for (int c = 0; c < 3; c++, to++)
            {
                int product = (255 - cmyk[from + c]) * light + 128;
                rgb[to] = (byte)(light - (((product >> 8) + product) >> 8));
            }
        }
    }

    static void KeepHighBytes<T>(ReadOnlySpan<T> samples, Span<byte> rgb) where T : IBinaryInteger<T>
    {
        for (int i = 0; i < rgb.Length; i++) { rgb[i] = byte.CreateTruncating(samples[i] >> 8); }
    }
}
