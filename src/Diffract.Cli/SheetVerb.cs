using System.CommandLine;
using Diffract.Data;
using Diffract.Torch;

namespace Diffract.Cli;

static class SheetVerb
{
    public static Command Create()
    {
        var data = CommonOptions.Data();
        var (layout, classes, output) = (CommonOptions.Layout(), CommonOptions.Classes(), CommonOptions.Out("PNG file"));
        var (size, columns, zoom) = (new Option<int>("--size") { Description = "Side of a picture", DefaultValueFactory = _ => 32 }, new Option<int>("--columns") { Description = "Pictures a class", DefaultValueFactory = _ => 12 },
            new Option<int>("--zoom") { Description = "Whole factor of enlargement", DefaultValueFactory = _ => 3 });
        var verb = new Command("sheet", "Draw some pictures of each class on one contact sheet") { data, layout, classes, output, size, columns, zoom };
        verb.SetAction(arguments =>
        {
            var (set, side) = (CommonOptions.Open(arguments.GetValue(data)!, arguments.GetValue(layout), arguments.GetValue(classes)), arguments.GetValue(size));
            var rows = set.ClassNames.Select((name, label) => new ContactSheet.Row(name,
            [
                .. set.Items.Select((item, i) => (item, i)).Where(pair => pair.item.Class == label).Take(arguments.GetValue(columns))
                    .Select(pair => BatchLoader.LoadOne(set, new(pair.i), side, side).Picture.Rgb),
            ])).ToList();
            var sheet = new ContactSheet { Zoom = arguments.GetValue(zoom), Gap = 4 }.Compose(rows, side, side);
            AtomicFile.Write(arguments.GetValue(output)!, PictureEncoder.Png(new Picture(sheet.Width, sheet.Height, sheet.Rgb)));
            Console.WriteLine($"{arguments.GetValue(output)}: {rows.Sum(row => row.Pictures.Count)} pictures of {rows.Count} classes, {sheet.Width}x{sheet.Height}");
            return 0;
        });
        return verb;
    }
}
