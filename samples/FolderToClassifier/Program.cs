using Diffract.Data;
using Diffract.Features;
using Diffract.Workflows;

var (model, data, output) = args is [var m, var d, var o] ? (m, d, o) : ("builtin", "builtin:train=200,test=100", "result");
using var stop = new CancellationTokenSource();
Console.CancelKeyPress += (_, e) => { e.Cancel = true; stop.Cancel(); };
Action<Progress> show = p => Console.Error.WriteLine($"{p.Activity}: {p.Done} of {p.Total} {p.Unit} {p.Note}");

using var backbone = Backbone.Open(model);
var items = ExtractItems.Of(PictureSet.Open(data));
Extract.Run(backbone, items, FeatureRequest.Of(backbone.Net, t: 30), $"{output}/features", report: show, cancellation: stop.Token);
using var store = FeatureStore.Open($"{output}/features");
var result = TrainHead.Run(store, TrainHeadRequest.Linear(), $"{output}/head", show, stop.Token);
Console.WriteLine($"{result.Test.Top1Hits} of {result.Test.Pictures} test pictures are told right");

using var head = TrainedHead.Open($"{output}/head/{TrainHead.HeadFileName}");
foreach (var guess in EvaluateHead.Predict(head, backbone, items.Set, items.Of(PictureSplit.Test).Take(5)))
{
    Console.WriteLine($"{guess.Picture}: {guess.Error ?? head.ClassNames[guess.Ranked.First().Class]}");
}
