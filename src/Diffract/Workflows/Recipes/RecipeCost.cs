using Diffract.Heads;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>What rows cost beside the features that they share: computed, about.</summary>
static class RecipeCost
{
    public static RowCost Of(Recipe recipe, RecipeRow row, RecipeData data, UNetLayout layout, RecipePictures pictures)
    {
        var train = row.Training.Subset switch
        {
            TrainSubset.PerClass few => Math.Min(pictures.Train, (long)few.Count * pictures.Classes),
            TrainSubset.Fraction part => (long)(pictures.Train * part.Share),
            TrainSubset.Listed list => list.Names.Count,
            _ => pictures.Train,
        };
        RecipePlan.CheckBlocks(row, layout);
        var each = row.Settings(layout).Select(setting => Once(row, setting, train, layout, pictures)).ToList();
        var final = each.MaxBy(one => one.Final.Net + one.Final.Head).Final;               // which is chosen is not known: the costliest, once for each seed
        var all = each.Count == 1 ? [] : each.Select(one => one.Compared).ToList();
        return new(final.Net * recipe.Seeds.Count + all.Sum(one => one.Net), final.Recorded * recipe.Seeds.Count + all.Sum(one => one.Recorded), final.Head * recipe.Seeds.Count + all.Sum(one => one.Head), final.Parameters);
    }

    // A setting trained and tested, its learning rate chosen before where it has several; and all its learning rates trained and asked on held-out pictures.
    static (RowCost Final, RowCost Compared) Once(RecipeRow row, RowSetting setting, long train, UNetLayout layout, RecipePictures pictures)
    {
        var use = setting.Use;
        var feedback = row.Feedback?.On(layout);
        feedback?.Check(layout);
        if (feedback is not null) { FeedbackExtractor.CheckReach(feedback, use.Blocks); }
        if (RecipePlan.Complete(row, use, layout, pictures.Classes) is not { } complete)
        {
            var (share, size) = (1 - row.RecipeFor(null, 0).HeldOut, layout.Blocks[use.Blocks[^1] - 1].OutChannels * Math.Max(1, use.Pool * use.Pool));
            return (new(0, 0, (double)train * pictures.Test * size, null), new(0, 0, share * train * (1 - share) * train * size, null));
        }
        var training = row.RecipeFor(complete, 0, setting.Epochs);
        training.Check();
        var (candidates, fit, frozen) = (training.Candidates.Count, 1 - training.HeldOut, row.Method == RecipeMethod.Head);
        var again = row.Method == RecipeMethod.FineTune && training.Accumulate > 1 && complete.NormsOverBatch && feedback is null ? Forward(row, use, layout) : 0; // the net twice, so that batch norm sees the whole batch
        var (forward, back, head) = (Forward(row, use, layout), Backward(row, use, layout), (double)HeadCost.Forward(complete));
        var parameters = complete.ParameterCount() + (feedback?.ParameterCount(layout) ?? 0) + (row.Method == RecipeMethod.FineTune ? UNetShapes.ParameterCount(layout, use.Blocks[^1]) : 0);
        RowCost Trained(double looks, int heads, double asked)                             // going back is two passes forward; the one before it is there, too. A frozen net's pass serves all heads
        {
            var passes = looks * (frozen ? 1 : heads);
            return new((forward + again + back) * passes + asked * forward, 1.5 * back * passes, head * heads * (3 * looks + asked), parameters);
        }
        var choosing = setting.Epochs is not null || frozen && complete is LinearConfig { Hidden.Count: 0 } ? training.Epochs : training.ChoiceEpochs;
        RowCost compared = Trained(fit * train * choosing, candidates, (1 - fit) * train), last = Trained((double)train * training.Epochs, 1, pictures.Test);
        return (candidates == 1 ? last : new(last.Net + compared.Net, last.Recorded + compared.Recorded, last.Head + compared.Head, parameters), compared);
    }

    // Multiply-adds of the net for one picture's gradients.
    static double Backward(RecipeRow row, FeatureUse use, UNetLayout layout) => row.Method is RecipeMethod.FineTune or RecipeMethod.Feedback ? 2 * Pass(row, layout, use.Blocks[^1]) * use.T.Count : 0;

    // Going forward, beside what a store keeps.
    static double Forward(RecipeRow row, FeatureUse use, UNetLayout layout) =>
        ((row.RunsNet ? Pass(row, layout, use.Blocks[^1]) : 0) + (row.Feedback is { } feedback && !row.ReadsStore ? Pass(row, layout, feedback.On(layout).Deepest(use.Blocks)) : 0)) * use.T.Count;

    static double Pass(RecipeRow row, UNetLayout layout, int block) => PassCost.MultiplyAdds(layout, block, row.Features.Size ?? layout.Config.ImageSize, row.Features.Size ?? layout.Config.ImageSize);
}
