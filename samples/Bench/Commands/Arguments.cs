using System.CommandLine;

namespace Moe.Inference.Bench.Commands;

/// <summary>Arguments and options that several commands share.</summary>
internal static class Arguments
{
    // More than any model can use, and little enough that sums and products of a few do not overflow.
    private const int Most = 1 << 24;

    public static Argument<string> Model() => new("FILE") { Description = "A GGUF file, or any part of a split one" };

    public static Option<bool> Json() => new("--json") { Description = "Write the result as JSON" };

    public static Option<int> Count(string name, int otherwise, string description, int least = 1, int most = Most, params string[] aliases)
    {
        Option<int> option = new(name, aliases) { Description = description, DefaultValueFactory = _ => otherwise };
        InRange(option, least, most);
        return option;
    }

    /// <summary>An option without a value unless it is given.</summary>
    public static Option<int?> OptionalCount(string name, string description, int least = 1, int most = Most, params string[] aliases)
    {
        Option<int?> option = new(name, aliases) { Description = description };
        InRange(option, least, most);
        return option;
    }

    public static Option<ulong> Seed() => new("--seed") { Description = "Where random numbers start", DefaultValueFactory = _ => 1 };

    private static void InRange<T>(Option<T> option, int least, int most) => option.Validators.Add(result =>
    {
        // A value that is no number has its own message.
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && (value < least || value > most))
            result.AddError($"{option.Name} is {value}; expected {least} to {most}");
    });
}
