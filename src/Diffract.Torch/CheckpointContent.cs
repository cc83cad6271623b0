namespace Diffract.Torch;

/// <summary>What a reader found in a checkpoint's directory.</summary>
sealed class CheckpointContent(CheckpointFormat format)
{
    public CheckpointFormat Format { get; } = format;

    public OrderedDictionary<string, StoredTensor> Tensors { get; } = [];

    public OrderedDictionary<string, string> Unreadable { get; } = [];

    public OrderedDictionary<string, string> Metadata { get; } = [];

    public OrderedDictionary<string, object?> Values { get; } = [];

    public List<string> Groups { get; } = [];

    public bool Holds(string name) => Tensors.ContainsKey(name) || Unreadable.ContainsKey(name) || Values.ContainsKey(name);
}
