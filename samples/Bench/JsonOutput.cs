using System.Text.Json;
using System.Text.Json.Serialization;

namespace Moe.Inference.Bench;

/// <summary>How results are written as JSON: names in snake case, like the reference files.</summary>
internal static class JsonOutput
{
    private static readonly JsonSerializerOptions Lines = new(JsonSerializerDefaults.General)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    private static readonly JsonSerializerOptions Indented = new(Lines) { WriteIndented = true };

    /// <summary>Everything on one line.</summary>
    public static string Compact<T>(T value) => JsonSerializer.Serialize(value, Lines);

    /// <summary>For people, too.</summary>
    public static string Readable<T>(T value) => JsonSerializer.Serialize(value, Indented);
}
