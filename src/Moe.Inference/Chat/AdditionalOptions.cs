using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Moe.Inference.Chat;

/// <summary>
/// Options of the sampler that <see cref="ChatOptions"/> has no property for, given as <see cref="ChatOptions.AdditionalProperties"/>.
/// </summary>
internal static class AdditionalOptions
{
    private static readonly string[] Known =
        ["min_p", "typical_p", "repetition_penalty", "penalty_window", "logit_bias", "logprobs", "top_logprobs"];

    /// <summary>The options with the additional ones put in; a property whose value is null changes nothing.</summary>
    /// <exception cref="NotSupportedException">A property is not known; the message names it.</exception>
    /// <exception cref="ArgumentException">A value is not of its property's kind; the message names both.</exception>
    public static GenerationOptions Apply(GenerationOptions options, AdditionalPropertiesDictionary? properties)
    {
        foreach ((string name, object? value) in properties ?? [])
        {
            if (!Known.Contains(name))
                throw new NotSupportedException($"additional property '{name}' is not known; those known are {string.Join(", ", Known)}");
            if (value is not null)
                options = Apply(options, name, value);
        }

        return options;
    }

    private static GenerationOptions Apply(GenerationOptions options, string name, object value) => options with
    {
        Sampling = name switch
        {
            "min_p" => options.Sampling with { MinP = (float)Number(name, value) },
            "typical_p" => options.Sampling with { TypicalP = (float)Number(name, value) },
            "repetition_penalty" => options.Sampling with { RepetitionPenalty = (float)Number(name, value) },
            "penalty_window" => options.Sampling with { PenaltyWindow = Whole(name, value) },
            "logit_bias" => options.Sampling with { LogitBias = Bias(name, value) },
            "top_logprobs" => options.Sampling with { TopLogProbs = Whole(name, value) },
            // Every token is reported with its log-probability anyway.
            "logprobs" when IsFlag(value) => options.Sampling,
            _ => throw Wrong(name, "true or false", value),
        },
    };

    private static double Number(string name, object value) => value switch
    {
        float or double or decimal or sbyte or byte or short or ushort or int or uint or long or ulong =>
            Convert.ToDouble(value, CultureInfo.InvariantCulture),
        JsonElement { ValueKind: JsonValueKind.Number } element => element.GetDouble(),
        _ => throw Wrong(name, "a number", value),
    };

    private static int Whole(string name, object value)
    {
        double number = Number(name, value);
        return number == Math.Floor(number) && Math.Abs(number) <= int.MaxValue ? (int)number : throw Wrong(name, "a whole number", value);
    }

    private static Dictionary<int, float> Bias(string name, object value) => value switch
    {
        IEnumerable<KeyValuePair<int, float>> pairs => new Dictionary<int, float>(pairs),
        JsonElement { ValueKind: JsonValueKind.Object } element => element.EnumerateObject().ToDictionary(
            property => int.TryParse(property.Name, NumberStyles.None, CultureInfo.InvariantCulture, out int id)
                ? id
                : throw Wrong(name, "an object whose names are token ids", property.Name),
            property => (float)Number(name, property.Value)),
        _ => throw Wrong(name, "a dictionary from token ids (int) to biases (float)", value),
    };

    private static bool IsFlag(object value) => value is bool or JsonElement { ValueKind: JsonValueKind.True or JsonValueKind.False };

    private static ArgumentException Wrong(string name, string expected, object value) =>
        new($"additional property '{name}' must be {expected}, not '{value}' ({value.GetType().Name})", name);
}
