using Diffract.Heads;
using Diffract.Models;

namespace Diffract.Workflows;

/// <summary>What rows cost beside the features that they share: computed, about.</summary>
static class RecipeCost
{
    public static RowCost Of(Recipe recipe, RecipeRow row, RecipeData data, UNetLayout layout, RecipePictures pictures)
    {
        var (net, recorded, head, parameters) = (0.0, 0.0, 0.0, (long?)null);
        var train = row.Training.Subset switch
        {
            TrainSubset.PerClass few => Math.Min(pictures.Train, (long)few.Count * pictures.Classes),
            TrainSubset.Fraction part => (long)(pictures.Train * part.Share),
            TrainSubset.Listed list => list.Names.Count,
            _ => pictures.Train,
        };
        RecipePlan.CheckBlocks(row, layout);
        foreach (var use in row.Uses(layout))
        {
            if (RecipePlan.Complete(row, use, layout, pictures.Classes) is not { } complete)
            {
                var block = layout.Blocks[use.Blocks[^1] - 1];
                head += (double)train * pictures.Test * block.OutChannels * Math.Max(1, use.Pool * use.Pool);
                continue;
            }
            var training = row.RecipeFor(complete, 0);
            var work = Training(complete, training, train) + (double)pictures.Test * HeadCost.Forward(complete);
            (head, parameters) = (head + work, complete.ParameterCount() + (row.Feedback?.On(layout).ParameterCount(layout) ?? 0) + (row.Method == RecipeMethod.FineTune ? UNetShapes.ParameterCount(layout, use.Blocks[^1]) : 0));
            var (looks, back) = ((double)train * training.Epochs, Backward(row, use, layout));
            net += (Forward(row, use, layout) + back) * looks + pictures.Test * Forward(row, use, layout);
            recorded += 1.5 * back * looks;                                                // the pass that goes back is two forward ones; the one before it is there, too
        }
        return new(net * recipe.Seeds.Count, recorded * recipe.Seeds.Count, head * recipe.Seeds.Count, parameters);
    }

    // Forward and backward are three forwards. Candidates are trained on what is not held out: linear ones for all epochs, others for a third of them.
    static double Training(HeadConfig head, HeadRecipe recipe, long train)
    {
        var (candidates, isGrid) = (recipe.Candidates.Count, head is LinearConfig { Hidden.Count: 0 });
        var choosing = candidates == 1 ? 0 : candidates * (1 - recipe.HeldOut) * (isGrid ? recipe.Epochs : recipe.ChoiceEpochs);
        return 3.0 * HeadCost.Forward(head) * train * (choosing + recipe.Epochs);
    }

    // Multiply-adds of the net for one picture's gradients.
    static double Backward(RecipeRow row, FeatureUse use, UNetLayout layout) => row.Method is RecipeMethod.FineTune or RecipeMethod.Feedback ? 2 * Pass(row, layout, use.Blocks[^1]) * use.T.Count : 0;

    // Going forward, beside what a store keeps.
    static double Forward(RecipeRow row, FeatureUse use, UNetLayout layout) =>
        ((row.RunsNet ? Pass(row, layout, use.Blocks[^1]) : 0) + (row.Feedback is { } feedback && !row.ReadsStore ? Pass(row, layout, feedback.On(layout).Deepest(use.Blocks)) : 0)) * use.T.Count;

    static double Pass(RecipeRow row, UNetLayout layout, int block) => PassCost.MultiplyAdds(layout, block, row.Features.Size ?? layout.Config.ImageSize, row.Features.Size ?? layout.Config.ImageSize);
}
