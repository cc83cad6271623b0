namespace Diffract.Metrics;

/// <summary>What a classifier made of each picture: its label, the class it was taken for, and how many classes ranked before its label.</summary>
public sealed class Outcomes
{
    readonly List<long> _labels = [], _predicted = [], _ranks = [];

    public IReadOnlyList<long> Labels => _labels;

    /// <summary>The class of the highest score; -1 where the scores decide nothing.</summary>
    public IReadOnlyList<long> Predicted => _predicted;

    /// <summary>0: a hit; below 5: a top-5 hit; int.MaxValue where the scores decide nothing.</summary>
    public IReadOnlyList<long> Ranks => _ranks;

    public int Count => _labels.Count;

    /// <summary>For each picture whether it was a hit: what <see cref="PairedComparison"/> takes.</summary>
    public bool[] Hits => [.. _ranks.Select(rank => rank == 0)];

    public void Add(long label, long predicted, long rank)
    {
        _labels.Add(label);
        _predicted.Add(predicted);
        _ranks.Add(rank);
    }

    public void Add(Outcomes other)
    {
        _labels.AddRange(other._labels);
        _predicted.AddRange(other._predicted);
        _ranks.AddRange(other._ranks);
    }
}
