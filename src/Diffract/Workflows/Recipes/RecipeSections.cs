using Diffract.Heads;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>The sections of a recipe's row: what is left out has its default.</summary>
static class RecipeSections
{
    /// <summary>Where the noise is not said, DifFeed and fine-tuning draw it anew each epoch, as the papers have it, and other methods read a store.</summary>
    public static RecipeFeatures Features(RecipeFields? fields, RecipeMethod method)
    {
        var standard = new RecipeFeatures { Fresh = method is RecipeMethod.Feedback or RecipeMethod.FineTune };
        if (fields is null) { return standard; }
        var read = new RecipeFeatures
        {
            T = Ascending(fields, "t", 0, 999_999), Blocks = Ascending(fields, "blocks", 1, 999),
            Draws = (int)(fields.Integer("draws", 1, 1000) ?? standard.Draws), Flip = fields.Boolean("flip") ?? standard.Flip,
            Fresh = fields.Word("noise", "stored", "fresh") is { } noise ? noise == "fresh" : standard.Fresh,
            Crop = fields.Word("crop", "centre", "random", "released") switch { "random" => CropKind.RandomResized, "released" => CropKind.Released, "centre" => CropKind.Centre, _ => null },
            Average = fields.Boolean("average") ?? standard.Average,
            Precision = fields.Word("precision", "fp32", "bf16") == "fp32" ? DType.Float32 : DType.BFloat16, StoredAs = fields.Word("storeAs", "fp32", "fp16") == "fp32" ? DType.Float32 : DType.Float16,
            Size = (int?)fields.Integer("size", 8, 4096), Seed = (ulong)(fields.Integer("seed", 0, long.MaxValue) ?? 0),
        };
        if (read.Fresh && method == RecipeMethod.Neighbours) { fields.Add("noise", "is fresh, but nearest neighbours are searched in a store, once; expected stored"); }
        if (!read.Fresh && method == RecipeMethod.FineTune) { fields.Add("noise", "is stored, but a net that is trained has no features to keep; expected fresh"); }
        if (read.Crop is not (null or CropKind.Centre) && !read.Fresh) { fields.Add("crop", "other than centre needs noise fresh: a store holds centre crops"); }
        fields.End();
        return read;
    }

    public static RecipeTraining Training(RecipeFields? fields, RecipeMethod method)
    {
        if (fields is null) { return new(); }
        var read = new RecipeTraining
        {
            Recipe = fields.Word("recipe", [.. HeadRecipes.Names]) ?? "default",
            LearningRates = fields.Reals("learningRates"), WeightDecays = fields.Reals("weightDecays"),
            Epochs = (int?)fields.Integer("epochs", 1, 100_000), BatchSize = (int?)fields.Integer("batchSize", 2, 1_000_000),
            Accumulate = (int?)fields.Integer("accumulate", 1, 10_000), Subset = Subset(fields),
        };
        if (method is RecipeMethod.FineTune or RecipeMethod.Feedback && !FineTuneRecipes.Names.Contains(read.Recipe))
        {
            fields.Add("recipe", $"is {read.Recipe}, which fits {(method == RecipeMethod.FineTune ? "a head to features that stay as they are; to fine-tune" : "linear heads; with feedback")}, expected {string.Join(", ", FineTuneRecipes.Names)}");
        }
        fields.End();
        return read;
    }

    static TrainSubset? Subset(RecipeFields fields)
    {
        var (count, share, list) = (fields.Integer("perClass", 1, 1_000_000), fields.Real("share", 1e-6, 1), fields.Text("subset"));
        string[] given = [.. new[] { (list is not null, "subset"), (count is not null, "perClass"), (share is not null, "share") }.Where(one => one.Item1).Select(one => one.Item2)];
        if (given.Length > 1) { fields.Add(given[0], $"and {given[1]} are both given; expected one of perClass, share and subset"); }
        return count is { } n ? new TrainSubset.PerClass((int)n) : share is { } part ? new TrainSubset.Fraction(part) : list is null ? null : Listed(fields, list);
    }

    static TrainSubset? Listed(RecipeFields fields, string path)
    {
        try
        {
            return TrainSubset.Listed.Read(path);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            fields.Add("subset", $"is {path}, which cannot be read ({cause.Message}); expected a file with a picture's name a line");
            return null;
        }
    }

    public static RecipeNeighbours Neighbours(RecipeFields? fields)
    {
        var standard = new RecipeNeighbours();
        if (fields is null) { return standard; }
        var read = new RecipeNeighbours
        {
            K = (int)(fields.Integer("k", 1, 1_000_000) ?? standard.K), Pool = (int)(fields.Integer("pool", 0, 1024) ?? standard.Pool),
            Majority = fields.Word("votes", "weighted", "majority") == "majority", Temperature = fields.Real("temperature", Metrics.Knn.LowestTemperature, 1e6) ?? standard.Temperature,
        };
        fields.End();
        return read;
    }

    /// <summary>Null where the row has no feedback: a fine-tuned one has it where it says so.</summary>
    public static RecipeFeedback? Feedback(RecipeFields? fields, RecipeMethod method)
    {
        var standard = new RecipeFeedback();
        if (fields is null) { return method == RecipeMethod.Feedback ? standard : null; }
        var read = new RecipeFeedback
        {
            Strategy = fields.Text("strategy") ?? standard.Strategy,
            Blocks = fields.Node("blocks") is null ? null : Ascending(fields, "blocks", 1, 999), Layers = fields.Text("layers") ?? standard.Layers,
        };
        Checked(fields, "strategy", () => FeedbackStrategy.Parse(read.Strategy));
        Checked(fields, "layers", () => FeedbackConfig.ParsePlainLayers(read.Layers));
        fields.End();
        return method is RecipeMethod.Feedback or RecipeMethod.FineTune ? read : null;
    }

    static void Checked(RecipeFields fields, string key, Func<object> parse)
    {
        try
        {
            _ = parse();
        }
        catch (ArgumentException fault)
        {
            fields.Add($"{key}:", fault.Message);
        }
    }

    public static RecipeChoice? Choice(RecipeFields? fields)
    {
        if (fields is null) { return null; }
        var read = new RecipeChoice(Distinct(fields, "t", 0, 999_999), Distinct(fields, "blocks", 1, 999), Distinct(fields, "pool", 0, 1024), Distinct(fields, "epochs", 1, 100_000));
        fields.End();
        return read;
    }

    static IReadOnlyList<int>? Distinct(RecipeFields fields, string key, int low, int high)
    {
        var list = fields.Integers(key, low, high);
        if (list?.Distinct().Count() < list?.Count) { fields.Add(key, $"is [{string.Join(", ", list)}], expected no value twice"); }
        return list;
    }

    static IReadOnlyList<int> Ascending(RecipeFields fields, string key, int low, int high)
    {
        var list = fields.Integers(key, low, high) ?? [];
        if (list.Zip(list.Skip(1)).Any(pair => pair.First >= pair.Second)) { fields.Add(key, $"is [{string.Join(", ", list)}], expected an ascending list without repeats"); }
        return list;
    }
}
