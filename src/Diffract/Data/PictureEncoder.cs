using Diffract.Torch;

namespace Diffract.Data;

/// <summary>Pixels to picture files.</summary>
public static unsafe class PictureEncoder
{
    /// <summary>The bytes of a PNG file.</summary>
    /// <param name="compression">zlib's level, 0 (stored) to 9 (smallest).</param>
    /// <exception cref="TorchException">torchvision's operators are missing.</exception>
    public static byte[] Png(Picture picture, int compression = 6)
    {
        PictureOperators.Load();
        fixed (byte* data = picture.Rgb)
        {
            using var scope = new TensorScope();
            var pixels = Tensor.Over((nint)data, DType.UInt8, [3, picture.Height, picture.Width], [1, 3L * picture.Width, 3]);
            return Dispatcher.Call("image::encode_png", pixels.Contiguous(), compression).ToArray<byte>();
        }
    }
}
