using System.CommandLine;
using Moe.Inference.Bench.Profile;
using Moe.Inference.Execution;
using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>profile</c>: where the time of a prompt and of a generated token goes, or of a token of each of several conversations.</summary>
internal static class ProfileCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int> prompt = Arguments.Count("--prompt", 512, "Tokens of the prompt that is timed; 0 for none", least: 0, aliases: "-p");
        Option<int> depth = Arguments.Count("--depth", 64, "Tokens before the token whose generation is timed", aliases: "-d");
        Option<int> parallel = Arguments.Count("--parallel", 1, "Conversations that generate a token each, in one run");
        Option<int> repeats = Arguments.Count("--repeats", 20, "Times that each step runs", aliases: "-r");
        Option<ulong> seed = Arguments.Seed();
        Command command = new("profile", "Time and bandwidth of every operation, each measured by itself") { file, prompt, depth, parallel, repeats, seed };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            int promptTokens = parsed.GetValue(prompt), depthTokens = parsed.GetValue(depth), conversations = parsed.GetValue(parallel);
            int length = Math.Max(promptTokens, depthTokens) + 1;
            StepTimer timer = new(parsed.GetValue(repeats));
            ContextOptions options = context.Read(parsed, length, conversations) with { Timer = timer };
            string path = parsed.GetRequiredValue(file);
            TextWriter output = parsed.InvocationConfiguration.Output;
            using Model model = Model.Load(path, placement.Loading(parsed, path, options), cancellationToken: cancellationToken);
            using Context running = model.CreateContext(options);
            Xoshiro256 random = new(parsed.GetValue(seed));
            ReadOnlyMemory<int>[] texts = [.. Enumerable.Range(0, conversations).Select(_ => RandomTokens(ref random, length, model.Tokenizer.VocabularySize))];
            ProfileRun run = new(running, timer);
            if (promptTokens > 0)
                ProfileTable.Write(output, $"prompt of {promptTokens}", await run.TimeAsync([texts[0][..promptTokens]], 0, cancellationToken));
            string what = conversations == 1 ? "one token" : $"a token of {conversations} conversations each";
            ProfileTable.Write(output, $"{what} after {depthTokens}", await run.TimeAsync([.. texts.Select(text => text[..(depthTokens + 1)])], depthTokens, cancellationToken));
            return 0;
        });
        return command;
    }

    private static int[] RandomTokens(ref Xoshiro256 random, int count, int vocabulary)
    {
        int[] tokens = new int[count];
        foreach (ref int token in tokens.AsSpan())
            token = (int)(random.Next() % (ulong)vocabulary);
        return tokens;
    }
}
