using System.Text.Json;
using Diffract.Tests.Data;

namespace Diffract.Tests.Cli;

/// <summary>Slips of a newcomer: each is one error that says what was found, where, and what to do, and nothing is written.</summary>
public class WrongUsageTests
{
    [Theory]
    [InlineData("extract --model builtin --data {root}/nothing --out {root}/out", "nothing: there are no .jpg, .jpeg, .png or .webp files among its 0 files. Put pictures there, in one folder a class.")]
    [InlineData("extract --model builtin --data {root}/one.jpg --out {root}/out", "one.jpg: is one picture; give a folder of class folders")]
    [InlineData("extract --model builtin --data {root}/data --out {root}/data", "is the folder of the pictures (--data); give one of its own")]
    [InlineData("extract --model builtin --data {root}/data --out {root}/one.jpg", "one.jpg: is a file, where a folder for results is expected. Choose another --out.")]
    [InlineData("extract --model builtin --out {root}/out", "give --data DIR, or --test DIR alone")]
    [InlineData("extract --model builtin --data {root}/data --t -5 --out {root}/out", "--t -5: '-5' is not a whole number of at least 0")]
    [InlineData("extract --model builtin --data {root}/data --t 1000 --out {root}/out", "t [1000]: expected ascending numbers in 0..999")]
    [InlineData("extract --model builtin --data {root}/data --batch x --out {root}/out", "Cannot parse argument 'x' for option '--batch': expected a whole number")]
    [InlineData("forward --model builtin --input {root}/one.jpg --out {root}/one.jpg", "one.jpg is a file that is read; give another name")]
    [InlineData("compare {root}/one.jpg --markdown {root}/data/../one.jpg", "one.jpg is a file that is read; give another name")]
    [InlineData("train --live --model builtin --data {root}/data --recipe logistic --lr 0.1 --out {root}/out", "--lr: --recipe logistic fits a head to its optimum, without steps")]
    [InlineData("train --store {root}/missing --out {root}/out", "missing is not a feature store: there is no such folder.")]
    [InlineData("evaluate --head {root}/data --store {root}/data", "data: is a folder; name the head in it, such as")]
    [InlineData("evaluate --head {root}/missing --store {root}/data", "missing: there is no such file; give the head.safetensors that `diffract train` wrote")]
    [InlineData("evaluate --head {root}/missing --test {root}/data", "evaluate needs --store STORE, or --model CKPT with --test DIR")]
    [InlineData("evaluate --head {root}/missing --store {root}/data --test {root}/data", "--test is for pictures that go through the net")]
    [InlineData("evaluate --head {root}/missing --model builtin --data {root}/data --test {root}/data", "give one of them")]
    [InlineData("evaluate --head {root}/missing --store {root}/data --out {root}/data", "is a folder; name the file of the result")]
    public void A_slip_is_one_error_that_says_what_to_do(string line, string message)
    {
        using var tree = new PictureTree("one.jpg", "data/train/cat/1.jpg", "data/train/dog/1.jpg", "data/test/cat/2.jpg", "data/test/dog/2.jpg");
        Directory.CreateDirectory(Path.Combine(tree.Root, "nothing"));
        var before = TemporaryFolder.Contents(tree.Root).Keys;

        var (code, errors) = Command.Run([.. line.Split(' ').Select(word => word.Replace("{root}", tree.Root, StringComparison.Ordinal))]);

        Assert.Equal(1, code);
        Assert.Contains(message, errors);
        Assert.DoesNotContain("   at ", errors);
        Assert.InRange(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, 1, 2);
        Assert.Equal(before, TemporaryFolder.Contents(tree.Root).Keys);
        Assert.False(Directory.Exists(Path.Combine(tree.Root, "out")));
    }

    [Fact]
    public void With_json_an_error_is_an_object_too()
    {
        var (code, errors) = Command.Run("knn", "--store", "missing", "--json");

        Assert.Equal(1, code);
        using var json = JsonDocument.Parse(errors);
        Assert.StartsWith("missing is not a feature store", json.RootElement.GetProperty("error").GetString());
    }
}
