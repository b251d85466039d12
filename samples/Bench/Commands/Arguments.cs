using System.CommandLine;

namespace Moe.Inference.Bench.Commands;

/// <summary>Arguments and options that several commands share.</summary>
internal static class Arguments
{
    public static Argument<string> Model() => new("FILE") { Description = "A GGUF file, or any part of a split one" };

    public static Option<bool> Json() => new("--json") { Description = "Write the result as JSON" };

    public static Option<int> Count(string name, int otherwise, string description, int least = 1, params string[] aliases)
    {
        Option<int> option = new(name, aliases) { Description = description, DefaultValueFactory = _ => otherwise };
        AtLeast(option, least);
        return option;
    }

    /// <summary>An option without a value unless it is given.</summary>
    public static Option<int?> OptionalCount(string name, string description, int least = 1, params string[] aliases)
    {
        Option<int?> option = new(name, aliases) { Description = description };
        AtLeast(option, least);
        return option;
    }

    public static Option<ulong> Seed() => new("--seed") { Description = "Where random numbers start", DefaultValueFactory = _ => 1 };

    private static void AtLeast<T>(Option<T> option, int least) => option.Validators.Add(result =>
    {
        // A value that is no number has its own message.
        if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && value < least)
            result.AddError($"{option.Name} is {value}; expected at least {least}");
    });
}
