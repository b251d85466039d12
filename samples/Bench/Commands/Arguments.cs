using System.CommandLine;

namespace Moe.Inference.Bench.Commands;

/// <summary>Arguments and options that several commands share.</summary>
internal static class Arguments
{
    public static Argument<string> Model() => new("FILE") { Description = "A GGUF file, or any part of a split one" };

    public static Option<bool> Json() => new("--json") { Description = "Write the result as JSON" };

    public static Option<int> Count(string name, int otherwise, string description, int least = 1, int most = OptionRange.Most, params string[] aliases) =>
        new Option<int>(name, aliases) { Description = description, DefaultValueFactory = _ => otherwise }.Within(least, most);

    /// <summary>An option without a value unless it is given.</summary>
    public static Option<int?> OptionalCount(string name, string description, int least = 1, int most = OptionRange.Most, params string[] aliases) =>
        new Option<int?>(name, aliases) { Description = description }.Within(least, most);

    public static Option<ulong> Seed() => new("--seed") { Description = "Where random numbers start", DefaultValueFactory = _ => 1 };
}
