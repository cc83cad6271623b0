using System.Security.Cryptography;
using Diffract.Models;
using Diffract.Tests.Checkpoints;
using Diffract.Tests.Models;
using Diffract.Torch;
using Diffract.Workflows;

namespace Diffract.Tests.Workflows;

public sealed class FetchModelTests : IDisposable
{
    static readonly byte[] Content = NetBytes();
    static readonly string Hash = Convert.ToHexStringLower(SHA256.HashData(Content));
    static readonly DownloadSettings Quick = new() { Attempts = 2, Pause = TimeSpan.Zero, Silence = TimeSpan.FromSeconds(20) };

    static int Third => (Content.Length + 2) / 3;

    readonly ScratchFolder _folder = new();

    string Folder => Path.GetDirectoryName(_folder["x"])!;

    public void Dispose() => _folder.Dispose();

    static byte[] NetBytes()
    {
        using var scratch = new ScratchFolder();
        return File.ReadAllBytes(new RandomNet(RandomNet.Small).Write(scratch, "net.safetensors"));
    }

    static PublishedModel Model(SmallServer server) => new("net", "guided-diffusion", server.Address, "nothing") { Config = RandomNet.Small };

    FetchedModel Fetch(PublishedModel model, Action<Progress>? report = null) => FetchModel.Run(model, Folder, Quick, report);

    [Fact]
    public void A_model_is_fetched_whole_and_its_hash_kept()
    {
        using var server = new SmallServer(Content);
        List<Progress> progress = [];

        var fetched = Fetch(Model(server) with { Bytes = Content.Length, Sha256 = Hash }, progress.Add);

        Assert.Equal(new FetchedModel(_folder["net.pt"], Hash, IsNew: true), fetched);
        Assert.Equal(Content, File.ReadAllBytes(fetched.Path));
        Assert.Equal(["net.pt", "net.pt.sha256"], _folder.Names);
        Assert.Equal(Content.Length / 1_000_000, progress[^1].Total);
        Assert.Equal(progress[^1].Total, progress[^1].Done);
    }

    [Fact]
    public void A_model_that_is_there_is_checked_and_not_fetched_again()
    {
        using var server = new SmallServer(Content);
        Fetch(Model(server));

        Assert.False(Fetch(Model(server)).IsNew);

        Assert.Single(server.Asked);
        var bytes = File.ReadAllBytes(_folder["net.pt"]);
        bytes[^1] ^= 1;
        _folder.Write("net.pt", bytes);
        Assert.Contains("Delete it", Assert.Throws<CheckpointException>(() => Fetch(Model(server))).Message);
    }

    [Fact]
    public void A_broken_connection_is_taken_up_where_it_broke()
    {
        using var server = new SmallServer(Content) { BreaksAfter = Third };

        var fetched = Fetch(Model(server));

        Assert.Equal(Hash, fetched.Sha256);
        Assert.Equal(["", $"bytes={Third}-", $"bytes={2 * Third}-"], server.Asked);
    }

    [Fact]
    public void An_interrupted_fetch_goes_on_with_the_next_command()
    {
        using var server = new SmallServer(Content);
        using var stop = new CancellationTokenSource();
        server.BreaksAfter = 100_000;
        Assert.ThrowsAny<OperationCanceledException>(() => FetchModel.Run(Model(server), Folder, Quick with { Pause = TimeSpan.FromHours(1) }, _ => stop.Cancel(), stop.Token));
        Assert.Equal(["net.pt.partial", "net.pt.partial.tag"], _folder.Names);
        var kept = File.ReadAllBytes(_folder["net.pt.partial"]);
        Assert.InRange(kept.Length, 1, 100_000);
        server.BreaksAfter = int.MaxValue;

        Assert.Equal(Hash, Fetch(Model(server)).Sha256);

        Assert.Equal(["", $"bytes={kept.Length}-"], server.Asked);
    }

    [Fact]
    public void A_partial_file_of_another_version_is_fetched_anew()
    {
        using var server = new SmallServer(Content);
        _folder.Write("net.pt.partial", new byte[5000]);
        _folder.Write("net.pt.partial.tag", "\"older\""u8.ToArray());

        Assert.Equal(Hash, Fetch(Model(server)).Sha256);

        Assert.Equal(["bytes=5000-"], server.Asked);
    }

    [Fact]
    public void A_partial_file_without_a_tag_is_fetched_anew()
    {
        using var server = new SmallServer(Content) { Tag = null };
        _folder.Write("net.pt.partial", Content[..5000]);

        Assert.Equal(Hash, Fetch(Model(server)).Sha256);

        Assert.Equal([""], server.Asked);
    }

    [Fact]
    public void A_server_that_ignores_the_range_is_put_up_with()
    {
        using var server = new SmallServer(Content) { IgnoresRange = true };
        _folder.Write("net.pt.partial", Content[..5000]);
        _folder.Write("net.pt.partial.tag", "\"first\""u8.ToArray());

        Assert.Equal(Hash, Fetch(Model(server)).Sha256);
    }

    [Fact]
    public void A_partial_file_that_is_whole_is_taken()
    {
        using var server = new SmallServer(Content);
        _folder.Write("net.pt.partial", Content);
        _folder.Write("net.pt.partial.tag", "\"first\""u8.ToArray());

        Assert.Equal(Hash, Fetch(Model(server)).Sha256);
    }

    [Fact]
    public void A_file_of_another_size_is_not_fetched()
    {
        using var server = new SmallServer(Content);

        var error = Assert.Throws<IOException>(() => Fetch(Model(server) with { Bytes = Content.Length + 1 }));

        Assert.Contains("it is another file", error.Message);
        Assert.Empty(_folder.Names);
    }

    [Fact]
    public void A_missing_file_is_one_line()
    {
        using var server = new SmallServer(Content) { Status = 404 };

        Assert.Contains("answered 404", Assert.Throws<IOException>(() => Fetch(Model(server))).Message);
        Assert.Single(server.Asked);
    }

    [Fact]
    public void A_busy_server_is_asked_again()
    {
        using var server = new SmallServer(Content) { Status = 503 };

        Assert.Contains("answered 503", Assert.Throws<IOException>(() => Fetch(Model(server))).Message);
        Assert.Equal(2, server.Asked.Count);
    }

    [Fact]
    public void No_server_is_one_line()
    {
        Uri address;
        using (var server = new SmallServer(Content))
        {
            address = server.Address;
        }

        var error = Assert.Throws<IOException>(() => Fetch(new("net", "guided-diffusion", address, "nothing") { Config = RandomNet.Small }));

        Assert.StartsWith("127.0.0.1 cannot be reached", error.Message);
    }

    [Fact]
    public void A_wrong_hash_is_refused_and_the_file_put_aside()
    {
        using var server = new SmallServer(Content);

        var error = Assert.Throws<CheckpointException>(() => Fetch(Model(server) with { Sha256 = new string('0', 64) }));

        Assert.Contains(Hash, error.Message);
        Assert.Equal(["net.pt.refused"], _folder.Names);
    }

    [Fact]
    public void Another_net_than_it_should_be_is_refused()
    {
        using var server = new SmallServer(Content);

        var error = Assert.Throws<CheckpointException>(() => Fetch(Model(server) with { Config = RandomNet.Small with { NumResBlocks = 2 } }));

        Assert.Contains("num_res_blocks is 2, the weights say 1", error.Message);
    }

    [Fact]
    public void What_is_no_checkpoint_is_refused()
    {
        using var server = new SmallServer("<html>log in first</html>"u8.ToArray());

        Assert.Contains("neither safetensors nor a file of torch.save", Assert.Throws<CheckpointException>(() => Fetch(Model(server))).Message);
    }
}
