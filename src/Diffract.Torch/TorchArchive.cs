namespace Diffract.Torch;

static class TorchArchive
{
    public static CheckpointContent Read(MappedFile file) => throw file.Fault(0, "zip containers are not read yet.");
}
