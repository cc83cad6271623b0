using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>What a row chooses among on held-out training pictures.</summary>
/// <param name="Epochs">Null: as many as its training recipe has.</param>
public sealed record RowSetting(FeatureUse Use, int? Epochs = null)
{
    public override string ToString()
    {
        var pool = Use.Pool == 0 ? "none" : Use.Pool.ToString(CultureInfo.InvariantCulture);
        return $"t {string.Join(",", Use.T)}, block {string.Join(",", Use.Blocks)}, pool {pool}{(Epochs is { } epochs ? $", {HeadRecipe.Spell(epochs)}" : "")}";
    }
}

/// <summary>The settings of a row and how each did on held-out training pictures.</summary>
/// <param name="Tried">With the accuracy there, in order.</param> <param name="Candidates">All there are; the choice stands when each has been tried.</param>
public sealed record RowChoice(IReadOnlyList<(RowSetting Setting, double HeldOutAccuracy)> Tried, int Candidates)
{
    public const string File = "choice.json";

    public RowSetting Chosen => Tried[Best].Setting;

    /// <summary>Of equal ones the first.</summary>
    public int Best => Enumerable.Range(0, Tried.Count).MaxBy(i => Tried[i].HeldOutAccuracy);

    public string Text => string.Create(CultureInfo.InvariantCulture,
        $"{(Chosen.Epochs is null ? "t, block and pool" : "t, block, pool and epochs")} ({Chosen}) are the best of {Tried.Count} on held-out training pictures ({100 * Tried[Best].HeldOutAccuracy:f2} %).");

    /// <param name="folder">Keeps what has been tried, so that a run that was stopped goes on from there.</param>
    /// <param name="ask">Accuracy of a candidate on held-out pictures; its number and a folder for state, which goes when the accuracy is kept, come with it.</param>
    /// <exception cref="RecipeException">The folder holds a choice among other candidates.</exception>
    public static RowChoice Make(string folder, IReadOnlyList<RowSetting> candidates, Func<RowSetting, int, string, double> ask)
    {
        var path = Path.Combine(folder, File);
        var choice = Read(path) ?? new([], candidates.Count);
        if (choice.Candidates != candidates.Count || !choice.Tried.Select(one => one.Setting.ToString()).SequenceEqual(candidates.Take(choice.Tried.Count).Select(one => one.ToString())))
        {
            throw new RecipeException($"{path} is of a choice among other settings. Choose another --out, or delete that folder.");
        }
        string State(int number) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"setting-{number}"));
        void Forget(int number)
        {
            if (Directory.Exists(State(number))) { Directory.Delete(State(number), recursive: true); }
        }
        if (choice.Tried.Count > 0) { Forget(choice.Tried.Count - 1); }
        for (var number = choice.Tried.Count; number < candidates.Count; number++)
        {
            choice = choice with { Tried = [.. choice.Tried, (candidates[number], ask(candidates[number], number, State(number)))] };
            AtomicFile.Write(path, JsonSerializer.SerializeToUtf8Bytes(choice.ToJson(), HeadResult.Json));
            Forget(number);
        }
        return choice;
    }

    static RowChoice? Read(string path)
    {
        if (!System.IO.File.Exists(path)) { return null; }
        static int[] Numbers(JsonNode? list) => [.. list!.AsArray().Select(number => (int)number!)];
        return RunFolder.Read(path, json =>
        {
            (RowSetting, double)[] tried = [.. json["tried"]!.AsArray().Select(one => (new RowSetting(new(Numbers(one!["t"]), Numbers(one["blocks"]), (int)one["pool"]!), (int?)one["epochs"]), (double)one["heldOutAccuracy"]!))];
            return new RowChoice(tried, (int?)json["candidates"] ?? tried.Length);
        });
    }

    public JsonObject ToJson() => new()
    {
        ["choice"] = Tried.Count < Candidates ? null : Text,
        ["best"] = Best,
        ["candidates"] = Candidates,
        ["tried"] = new JsonArray([.. Tried.Select(one => (JsonNode)Line(one.Setting, one.HeldOutAccuracy))]),
    };

    static JsonObject Line(RowSetting setting, double accuracy)
    {
        var line = new JsonObject
        {
            ["t"] = new JsonArray([.. setting.Use.T.Select(t => (JsonNode)t)]), ["blocks"] = new JsonArray([.. setting.Use.Blocks.Select(block => (JsonNode)block)]), ["pool"] = setting.Use.Pool,
        };
        if (setting.Epochs is { } epochs) { line["epochs"] = epochs; }
        line["heldOutAccuracy"] = accuracy;
        return line;
    }
}
