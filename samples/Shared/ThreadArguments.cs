using System.CommandLine;
using System.CommandLine.Parsing;

namespace Moe.Inference.Samples;

/// <summary>The options that say how the host's processors are used, named as llama.cpp's are where it has them.</summary>
internal sealed class ThreadArguments
{
    private const int MostThreads = 1024;

    private readonly Option<int?> _threads = new Option<int?>("--threads", "-t") { HelpName = "N", Description = "Threads that compute; one per physical core if not given" }.Within(1, MostThreads);
    private readonly Option<int?> _promptThreads = new Option<int?>("--threads-batch", "-tb") { HelpName = "N", Description = "Threads for prompts; as --threads if not given" }.Within(1, MostThreads);
    private readonly Option<ThreadAffinity?> _affinity = new("--cpu-affinity")
    {
        HelpName = "none|cores|LIST",
        Description = "Processors that threads are bound to, one each: cores for physical ones, or a list such as 0-3,8",
        CustomParser = ParseAffinity,
    };

    public ThreadArguments(Command command)
    {
        foreach (Option option in (Option[])[_threads, _promptThreads, _affinity])
            command.Add(option);
    }

    /// <summary>A context's options with those that were given.</summary>
    public ContextOptions Apply(ParseResult parsed, ContextOptions options) => options with
    {
        Threads = parsed.GetValue(_threads),
        Threading = new ThreadOptions { Prompts = parsed.GetValue(_promptThreads), Affinity = parsed.GetValue(_affinity) ?? ThreadAffinity.None },
    };

    private static ThreadAffinity? ParseAffinity(ArgumentResult result)
    {
        try
        {
            return ThreadAffinity.Parse(result.Tokens[0].Value);
        }
        catch (FormatException problem)
        {
            result.AddError($"--cpu-affinity: {problem.Message}");
            return null;
        }
    }
}
