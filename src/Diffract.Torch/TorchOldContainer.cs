namespace Diffract.Torch;

static class TorchOldContainer
{
    public static bool Recognises(ReadOnlySpan<byte> start) => start[0] == 0x80;

    public static CheckpointContent Read(MappedFile file) => throw file.Fault(0, "the container before PyTorch 1.6 is not read yet.");
}
