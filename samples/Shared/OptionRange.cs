using System.CommandLine;

namespace Moe.Inference.Samples;

/// <summary>Options whose values are counts.</summary>
internal static class OptionRange
{
    /// <summary>More than any model can use, and little enough that sums and products of a few do not overflow.</summary>
    public const int Most = 1 << 24;

    /// <summary>Refuses values outside a range.</summary>
    public static Option<T> Within<T>(this Option<T> option, int least, int most = Most)
    {
        option.Validators.Add(result =>
        {
            // A value that is no number has its own message.
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
                result.AddError($"{option.Name} is {value}; expected {least} to {most}");
        });
        return option;
    }
}
