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
        var most = each.MaxBy(one => one.Cost.Net + one.Cost.Head).Cost;                   // which is chosen is not known: the costliest, once for each seed
        double Sum(Func<RowCost, double> of) => of(most) * recipe.Seeds.Count + (row.Choose is null ? 0 : each.Sum(one => of(one.Cost) * one.Compared));
        return new(Sum(cost => cost.Net), Sum(cost => cost.Recorded), Sum(cost => cost.Head), most.Parameters);
    }

    // A setting trained and tested once, and the part of that which a comparison on held-out pictures takes.
    static (RowCost Cost, double Compared) Once(RecipeRow row, RowSetting setting, long train, UNetLayout layout, RecipePictures pictures)
    {
        var use = setting.Use;
        if (RecipePlan.Complete(row, use, layout, pictures.Classes) is not { } complete)
        {
            return (new(0, 0, (double)train * pictures.Test * layout.Blocks[use.Blocks[^1] - 1].OutChannels * Math.Max(1, use.Pool * use.Pool), null), 1);
        }
        var training = row.RecipeFor(complete, 0, setting.Epochs);
        var (looks, forward, back) = ((double)train * training.Epochs, Forward(row, use, layout), Backward(row, use, layout));
        var parameters = complete.ParameterCount() + (row.Feedback?.On(layout).ParameterCount(layout) ?? 0) + (row.Method == RecipeMethod.FineTune ? UNetShapes.ParameterCount(layout, use.Blocks[^1]) : 0);
        var epochs = setting.Epochs is not null || IsGrid(complete) ? training.Epochs : training.ChoiceEpochs;
        return (new((forward + back) * looks + pictures.Test * forward,
            1.5 * back * looks,                                                            // the pass that goes back is two forward ones; the one before it is there, too
            Training(complete, training, train) + (double)pictures.Test * HeadCost.Forward(complete), parameters), (1 - training.HeldOut) * epochs / training.Epochs);
    }

    // Forward and backward are three forwards. Candidates are trained on what is not held out: linear ones for all epochs, others for a third of them.
    static double Training(HeadConfig head, HeadRecipe recipe, long train)
    {
        var candidates = recipe.Candidates.Count;
        var choosing = candidates == 1 ? 0 : candidates * (1 - recipe.HeldOut) * (IsGrid(head) ? recipe.Epochs : recipe.ChoiceEpochs);
        return 3.0 * HeadCost.Forward(head) * train * (choosing + recipe.Epochs);
    }

    static bool IsGrid(HeadConfig head) => head is LinearConfig { Hidden.Count: 0 };

    // Multiply-adds of the net for one picture's gradients.
    static double Backward(RecipeRow row, FeatureUse use, UNetLayout layout) => row.Method is RecipeMethod.FineTune or RecipeMethod.Feedback ? 2 * Pass(row, layout, use.Blocks[^1]) * use.T.Count : 0;

    // Going forward, beside what a store keeps.
    static double Forward(RecipeRow row, FeatureUse use, UNetLayout layout) =>
        ((row.RunsNet ? Pass(row, layout, use.Blocks[^1]) : 0) + (row.Feedback is { } feedback && !row.ReadsStore ? Pass(row, layout, feedback.On(layout).Deepest(use.Blocks)) : 0)) * use.T.Count;

    static double Pass(RecipeRow row, UNetLayout layout, int block) => PassCost.MultiplyAdds(layout, block, row.Features.Size ?? layout.Config.ImageSize, row.Features.Size ?? layout.Config.ImageSize);
}
