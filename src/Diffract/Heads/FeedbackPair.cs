namespace Diffract.Heads;

/// <summary>One way of feedback: the output of a decoder block in the first pass, to be added to the output of an encoder block in the second.</summary>
/// <param name="From">Number of the output block.</param> <param name="To">Number of the input block.</param>
public readonly record struct FeedbackPair(int From, int To)
{
    public override string ToString() => $"{From}-{To}";
}
