using System.Text.Json;

namespace Diffract.Cli;

static class JsonOutput
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web);
}
