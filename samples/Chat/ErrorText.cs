using Moe.Inference;

namespace ChatSample;

/// <summary>Errors that a user can do something about, in one line each.</summary>
internal static class ErrorText
{
    private static readonly Dictionary<string, string> OptionNames = new()
    {
        ["Threads"] = "--threads",
        ["Threading"] = "--cpu-affinity",
        ["ContextLength"] = "--context",
        ["MaxTokens"] = "--max-tokens",
        ["Temperature"] = "--temperature",
        ["TopK"] = "--top-k",
        ["TopP"] = "--top-p",
        ["MinP"] = "--min-p",
        ["TypicalP"] = "--typical",
        ["RepetitionPenalty"] = "--repeat-penalty",
        ["FrequencyPenalty"] = "--frequency-penalty",
        ["PresencePenalty"] = "--presence-penalty",
    };

    /// <summary>Whether the error is of the user's making, or the machine's; others are bugs and may show themselves in full.</summary>
    public static bool IsExpected(Exception error) =>
        error is UsageException or MoeException or IOException or UnauthorizedAccessException or OutOfMemoryException or ArgumentException;

    /// <summary>What went wrong, in one line.</summary>
    public static string Of(Exception error) => error switch
    {
        ArgumentOutOfRangeException { ParamName: string name, ActualValue: object value } wrong
            when OptionNames.TryGetValue(name, out string? option) =>
            FormattableString.Invariant($"{option} is {value}: {FirstLine(wrong)}"),
        ArgumentException wrong => FirstLine(wrong),
        _ => error.Message.ReplaceLineEndings(" "),
    };

    // The framework appends the parameter and its value to the message.
    private static string FirstLine(ArgumentException error)
    {
        string line = error.Message.Split('\n')[0];
        string suffix = $" (Parameter '{error.ParamName}')";
        return line.Replace(suffix, "", StringComparison.Ordinal).Trim();
    }
}
