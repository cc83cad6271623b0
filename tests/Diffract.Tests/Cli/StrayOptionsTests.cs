namespace Diffract.Tests.Cli;

/// <summary>The command itself: what it has no use for is an error before any file is opened.</summary>
public class StrayOptionsTests
{
    [Theory]
    [InlineData("train --head diffeed --crop random", "--crop is for --live")]
    [InlineData("train --head diffeed --no-flip", "--no-flip is for --live")]
    [InlineData("train --head diffeed --hidden 64", "--hidden is not for --head diffeed")]
    [InlineData("train --head linear --hidden 64", "--hidden is for --head mlp")]
    [InlineData("train --feedback all --head attention-1", "--feedback is for --head diffeed")]
    [InlineData("train --live --views flip", "--views is for a store")]
    [InlineData("train --store none --limit 20", "--limit is for pictures that go through the net")]
    [InlineData("finetune --head diffeed --pool 2", "--pool is not for --head diffeed")]
    [InlineData("finetune --head linear --first-blocks 3", "--first-blocks is for --head diffeed")]
    [InlineData("finetune --head diffeed --head linear", "is trained alone")]
    [InlineData("train --store none --head attention-1 --pool 4", "--pool is for linear heads and MLPs by name")]
    [InlineData("train --store none --precision bf16", "--precision is for pictures that go through the net")]
    [InlineData("train --store none --class 3", "--class is for pictures that go through the net")]
    [InlineData("train --store none", "--data is for pictures that go through the net")]
    [InlineData("train --live --draws 4", "--draws is for --average")]
    [InlineData("finetune --draws 4", "--draws is for --average")]
    [InlineData("finetune --head attention-1 --pool 4", "--pool is for linear heads and MLPs by name")]
    [InlineData("train --head attention-1 --head-config none", "leave --head out")]
    [InlineData("train --live --store none", "--store is not for --live")]
    [InlineData("finetune --recipe logistic", "recipe 'logistic' fits a head to features that stay as they are")]
    public void An_option_without_effect_is_refused(string line, string message)
    {
        var (code, errors) = Command.Run([.. line.Split(' '), "--model", "none", "--data", "none", "--out", "none"]);

        Assert.Equal(1, code);
        Assert.StartsWith("error: ", errors);
        Assert.Contains(message, errors);
    }
}
