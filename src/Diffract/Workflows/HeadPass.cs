using System.Globalization;
using System.Text.Json.Nodes;
using Diffract.Heads;
using Diffract.Metrics;
using Diffract.Torch;

namespace Diffract.Workflows;

/// <summary>Candidates that are trained at once.</summary>
/// <param name="Heads">With their places in the pass.</param> <param name="Bytes">Weights, gradients and the optimiser's state.</param>
sealed record PassPart(IReadOnlyList<(int Head, HeadCandidates Candidates)> Heads, int Epochs, long Bytes);

/// <summary>Heads of one recipe: candidates compared on held-out pictures, then each head with its best one on all training pictures, tested and written.</summary>
sealed class HeadPass(HeadSource source, IReadOnlyList<(string Name, TrainHeadRequest Request, HeadInputs Inputs)> heads)
{
    public IReadOnlyList<(string Name, TrainHeadRequest Request, HeadInputs Inputs)> Heads => heads;

    /// <summary>That of any of the heads, for what they have in common.</summary>
    public TrainHeadRequest Request => heads[0].Request;

    HeadRecipe Recipe => Request.Recipe;

    /// <param name="done">Heads that an earlier run has finished.</param>
    /// <param name="folder">Receives each head's folder.</param> <param name="run">Name of the folder for the state.</param> <param name="memory">Bytes for what is trained at once.</param>
    public IEnumerable<(string Name, HeadResult Result)> Run(int[] train, int[] test, IReadOnlySet<string> done, string folder, string run, long memory, Action<Progress>? report, CancellationToken cancellation)
    {
        var training = new HeadTraining(source, Recipe, report, cancellation);
        var choices = Choose(train, folder, memory, report, cancellation);
        var (results, diverged) = (new List<(string, HeadResult)>(), new List<string>());
        TrainingPictures? trained = null;                                                  // known once they have been read
        var parts = Parts([.. choices.Select((choice, i) => (i, choice.Chosen))], _ => Recipe.Epochs, memory);
        foreach (var (number, part) in parts.Index())
        {
            if (part.Heads.All(head => done.Contains(heads[head.Head].Name)))
            {
                continue;
            }
            var state = Path.Combine(folder, parts.Count == 1 ? run : string.Create(CultureInfo.InvariantCulture, $"{run}-part-{number}"));
            training.Run([.. part.Heads.Select(head => head.Candidates)], train, part.Epochs, state, trainees =>
            {
                List<int> seen = [];
                foreach (var (trainee, accuracy) in HeadEvaluation.Run(source, trainees, test, Request.AverageLooks, source.RunsNet ? report : null, cancellation, seen))
                {
                    var index = part.Heads[trainee.Head].Head;
                    if (accuracy[0].Undecided > 0)
                    {
                        diverged.Add(Diverged(trainee, accuracy[0]));
                        continue;
                    }
                    results.Add((heads[index].Name, Write(Path.Combine(folder, heads[index].Name), heads[index].Request, trainee, accuracy[0], PictureOutcomes.Of(source, seen, accuracy[0].Outcomes!), choices[index], trained ??= TrainingPictures.Of(source, train))));
                }
            });
            KeepMetrics(folder, state);
        }
        foreach (var number in Enumerable.Range(0, Choosing(memory).Count))
        {
            File.Delete(Choice(folder, number) + ".json");
        }
        return diverged.Count == 0 ? results : throw new TrainException($"{source.Name}: {string.Join("; ", diverged)}. Try a smaller learning rate (--lr, or learningRates in a recipe).") { IsDivergence = true };
    }

    static string Diverged(Trainee trainee, Accuracy test) => string.Create(CultureInfo.InvariantCulture,
        $"{trainee.Inputs.Head.Kind}, trained with learning rate {trainee.Candidates[0].Setting.LearningRate}, diverged: it gives NaN or infinity for {test.Undecided} of {test.Pictures} test pictures");

    /// <summary>The parts in which candidates are compared; none where there is nothing to choose.</summary>
    public IReadOnlyList<PassPart> Choosing(long memory) => Choosing(Undecided, memory);

    IReadOnlyList<PassPart> Choosing(IEnumerable<int> which, long memory) => Parts([.. which.SelectMany(i => heads[i].Request.Recipe.Candidates.Select(candidate => (i, candidate)))], ChoiceEpochs, memory);

    /// <summary>The parts in which the heads that will be kept are trained.</summary>
    public IReadOnlyList<PassPart> Final(long memory) => Parts([.. heads.Select((head, i) => (i, head.Request.Recipe.Candidates[0]))], _ => Recipe.Epochs, memory);

    IEnumerable<int> Undecided => Enumerable.Range(0, heads.Count).Where(i => heads[i].Request.Recipe.Candidates.Count > 1);

    int ChoiceEpochs(int head) => new HeadTraining(source, Recipe, report: null, CancellationToken.None).TrainsAllAtOnce(new(heads[head].Inputs, [])) ? Recipe.Epochs : Recipe.ChoiceEpochs;

    // Candidates of equal length together as far as memory goes, in order.
    IReadOnlyList<PassPart> Parts(IReadOnlyList<(int Head, GridCandidate Candidate)> candidates, Func<int, int> epochs, long memory)
    {
        var parts = new List<PassPart>();
        foreach (var same in candidates.GroupBy(candidate => epochs(candidate.Head)))
        {
            var (now, bytes) = (new List<(int Head, GridCandidate Candidate)>(), 0L);
            void Close() => parts.Add(new([.. now.GroupBy(one => one.Head).Select(one => (one.Key, new HeadCandidates(heads[one.Key].Inputs, [.. one.Select(c => c.Candidate)])))], same.Key, bytes));
            foreach (var candidate in same)
            {
                var more = heads[candidate.Head].Inputs.Head.ParameterCount() * sizeof(float) * (Recipe.Optimizer == OptimizerKind.Sgd ? 2 : 4);
                if (now.Count > 0 && bytes + more > memory)
                {
                    Close();
                    (now, bytes) = ([], 0);
                }
                now.Add(candidate);
                bytes += more;
            }
            Close();
        }
        return parts;
    }

    // A part's comparison: the folder of its state while it goes on, and before .json what it has shown, until all is done.
    static string Choice(string folder, int number) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"choice-{number}"));

    HeadChoice[] Choose(int[] train, string folder, long memory, Action<Progress>? report, CancellationToken cancellation)
    {
        var choices = heads.Select(head => HeadChoice.Only(head.Request.Recipe.Candidates[0], source is StoreSource)).ToArray();
        if (!Undecided.Any())
        {
            return choices;
        }
        var (lines, parts) = Compare(Undecided, train, folder, memory, report, cancellation);
        foreach (var (i, tried) in lines)
        {
            var what = Recipe.Optimizer == OptimizerKind.Lbfgs ? $"The penalty is the best of {tried.Count}" : $"Learning rate and weight decay are the best of {tried.Count} after {HeadRecipe.Spell(ChoiceEpochs(i))}";
            choices[i] = HeadChoice.Best(tried, string.Create(CultureInfo.InvariantCulture,
                $"{what} on {parts.Held.Length} {parts.Where}; the head was then trained on all {train.Length} training pictures, and the test pictures were used once, at the end."));
        }
        return choices;
    }

    // Where the net runs, comparing takes long, too; it is not a test.
    Action<Progress>? HeldOutReport(Action<Progress>? report) => report is null || !source.RunsNet ? null : progress => report(progress with { Activity = "held-out pictures" });

    /// <summary>Every candidate of the one head on held-out training pictures.</summary>
    public IReadOnlyList<CandidateLine> OnHeldOut(int[] train, string? folder, long memory, Action<Progress>? report, CancellationToken cancellation) =>
        Compare([0], train, folder, memory, report, cancellation).Lines[0];

    (Dictionary<int, List<CandidateLine>> Lines, HeldOut Parts) Compare(IEnumerable<int> which, int[] train, string? folder, long memory, Action<Progress>? report, CancellationToken cancellation)
    {
        var training = new HeadTraining(source, Recipe, report, cancellation);
        var parts = HeldOut.Of(source, train, Recipe.HeldOut, Recipe.Seed);
        var lines = which.ToDictionary(i => i, _ => new List<CandidateLine>());
        var sound = new HashSet<int>();                                                    // heads of which a candidate has not diverged
        if (parts.Held.Length == 0)
        {
            var count = heads[lines.Keys.First()].Request.Recipe.Candidates.Count;
            throw new TrainException($"{source.Name}: no class has two training pictures, so none can be held out to choose {(count == 1 ? "steps, blocks, pools or epochs" : $"among {count} settings")}. "
                + (count == 1 ? "Name one of each, and leave out choose." : Recipe.Optimizer == OptimizerKind.Lbfgs ? "Give one --decay, the penalty." : "Give one --lr and one --decay."));
        }
        foreach (var (number, part) in Choosing(lines.Keys, memory).Index())
        {
            foreach (var one in Compared(training, part, parts, folder is null ? null : Choice(folder, number), report, cancellation))
            {
                lines[one.Head].Add(new(one.LearningRate, one.WeightDecay, one.HeldOutAccuracy));
                sound.UnionWith(one.IsFinite ? [one.Head] : []);
            }
        }
        foreach (var (head, tried) in lines.Where(line => !sound.Contains(line.Key)))
        {
            throw new TrainException($"{source.Name}: {heads[head].Inputs.Head.Kind} diverged{(tried.Count == 1 ? "" : $" with each of {tried.Count} settings")}: it gives NaN or infinity with learning rates {string.Join(", ", tried.Select(line => line.LearningRate.ToString(CultureInfo.InvariantCulture)).Distinct())}. Try smaller ones (--lr, or learningRates in a recipe).") { IsDivergence = true };
        }
        return (lines, parts);
    }

    // The candidates of a part: as an earlier run has compared them, or by training them now.
    IReadOnlyList<ComparedCandidate> Compared(HeadTraining training, PassPart part, HeldOut parts, string? choice, Action<Progress>? report, CancellationToken cancellation)
    {
        var candidates = part.Heads.Select(head => string.Create(CultureInfo.InvariantCulture, $"{head.Head} {heads[head.Head].Inputs.Head.ToJson().ToJsonString()} {string.Join(' ', head.Candidates.Candidates)}"));
        var rows = string.Create(CultureInfo.InvariantCulture, $"{part.Epochs} {string.Join(',', parts.Fit)} {string.Join(',', parts.Held)}");
        var made = $"{source.How.ToJsonString()} {Recipe.ToJson().ToJsonString()} {string.Join(' ', candidates)} {rows}";
        if (choice is not null && ComparedCandidates.Read(choice + ".json", made) is { } before)
        {
            return before;
        }
        var compared = new List<ComparedCandidate>();
        training.Run([.. part.Heads.Select(head => head.Candidates)], parts.Fit, part.Epochs, source.RunsNet ? choice : null, trainees => // where the net runs, what it has trained so far is kept, too
        {
            foreach (var (trainee, accuracy) in HeadEvaluation.Run(source, trainees, parts.Held, report: HeldOutReport(report), cancellation: cancellation))
            {
                var head = part.Heads[trainee.Head].Head;
                compared.AddRange(trainee.Candidates.Zip(accuracy, (one, count) => new ComparedCandidate(head, one.Setting.LearningRate, one.Setting.WeightDecay, count.Undecided > 0 ? 0 : count.Top1, count.Undecided == 0)));
            }
        });
        if (choice is not null)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(choice)!);
            ComparedCandidates.Write(choice + ".json", made, compared);
            if (Directory.Exists(choice)) { Directory.Delete(choice, recursive: true); }
        }
        return compared;
    }

    HeadResult Write(string folder, TrainHeadRequest request, Trainee trainee, Accuracy test, PictureOutcomes outcomes, HeadChoice choice, TrainingPictures trained)
    {
        Directory.CreateDirectory(folder);
        outcomes.Write(Path.Combine(folder, PictureOutcomes.File));
        trained.Write(Path.Combine(folder, TrainingPictures.File));
        var (inputs, recipe, backbone) = (trainee.Inputs, request.Recipe, source.Save(folder));
        var result = new HeadResult
        {
            Kind = inputs.Head.Kind,
            Test = Score.Of(test, source.ClassNames),
            Parameters = inputs.Head.ParameterCount() + source.State.Sum(pair => pair.Value.Elements),
            Candidates = choice.Tried,
            Chosen = choice.Tried.FirstOrDefault(c => (c.LearningRate, c.WeightDecay) == (choice.Chosen.LearningRate, choice.Chosen.WeightDecay)),
            TrainPictures = trained.Pictures.Count,
            TrainedOn = FinishedHead.TrainedOn(request),
            TrainSha256 = trained.Sha256,
            TestInTraining = trained.In(outcomes),
            Choice = choice.About,
            Splits = source.Decision,
            TestSha256 = outcomes.TestSha256,
            Recipe = recipe.ToJson(),
            Head = inputs.Head.ToJson(),
            Features = source.How.DeepClone(),
            Backbone = backbone.DeepClone(),
            AveragedLooks = FinishedHead.AveragedLooks(source, request),
            Unreadable = [.. source.Failures.Select(failure => $"{failure.Path}: {failure.Error}")],
        };
        TrainedHead.Write(Path.Combine(folder, TrainHead.HeadFileName), inputs, trainee.Tensors(0), source.Request, backbone, source.ClassNames,
            new JsonObject { ["recipe"] = recipe.ToJson(), ["data"] = source.How["data"]!.DeepClone(), ["trainPictures"] = trained.Pictures.Count, [TrainedHead.TrainSha256Key] = trained.Sha256 });
        result.Write(Path.Combine(folder, TrainHead.ResultFile));
        return result;
    }

    // What remains of the finished run is its curve: metrics.jsonl, or metrics-1.jsonl for run-1.
    static void KeepMetrics(string folder, string state)
    {
        var name = Path.GetFileNameWithoutExtension(TrainLoop.MetricsFile) + Path.GetFileName(state)["run".Length..] + Path.GetExtension(TrainLoop.MetricsFile);
        File.Move(Path.Combine(state, TrainLoop.MetricsFile), Path.Combine(folder, name), overwrite: true);
        Directory.Delete(state, recursive: true);
    }
}

/// <summary>How a head's learning rate and weight decay were settled.</summary>
/// <param name="Tried">On held-out pictures; empty where there was one candidate.</param> <param name="About">For the result file.</param>
sealed record HeadChoice(IReadOnlyList<CandidateLine> Tried, GridCandidate Chosen, string About)
{
    public static HeadChoice Only(GridCandidate candidate, bool stored) => new([], candidate, stored ? "The recipe names one learning rate and weight decay; nothing was chosen." : string.Create(CultureInfo.InvariantCulture,
        $"One learning rate, {candidate.LearningRate}, and weight decay, {candidate.WeightDecay}, were used without a choice, which would take further passes of the pictures through the net. --lr names several to choose among."));

    public static HeadChoice Best(IReadOnlyList<CandidateLine> tried, string about)
    {
        var best = tried.MaxBy(line => line.HeldOutAccuracy)!;
        return new(tried, new(best.LearningRate, best.WeightDecay), about);
    }
}
