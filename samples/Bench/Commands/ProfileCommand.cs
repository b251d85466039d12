using System.CommandLine;
using Moe.Inference.Bench.Profile;
using Moe.Inference.Execution;
using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>profile</c>: where the time of a prompt and of a generated token goes.</summary>
internal static class ProfileCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int> prompt = Arguments.Count("--prompt", 512, "Tokens of the prompt that is timed; 0 for none", least: 0, aliases: "-p");
        Option<int> depth = Arguments.Count("--depth", 64, "Tokens before the token whose generation is timed", aliases: "-d");
        Option<int> repeats = Arguments.Count("--repeats", 20, "Times that each step runs", aliases: "-r");
        Option<ulong> seed = Arguments.Seed();
        Command command = new("profile", "Time and bandwidth of every operation, each measured by itself") { file, prompt, depth, repeats, seed };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            int promptTokens = parsed.GetValue(prompt), depthTokens = parsed.GetValue(depth);
            StepTimer timer = new(parsed.GetValue(repeats));
            ContextOptions options = context.Read(parsed, Math.Max(promptTokens, depthTokens) + 1) with { Timer = timer };
            string path = parsed.GetRequiredValue(file);
            TextWriter output = parsed.InvocationConfiguration.Output;
            using Model model = Model.Load(path, placement.Loading(parsed, path, options), cancellationToken: cancellationToken);
            using Context running = model.CreateContext(options);
            Xoshiro256 random = new(parsed.GetValue(seed));
            int[] tokens = [.. Enumerable.Range(0, Math.Max(promptTokens, depthTokens) + 1).Select(_ => (int)(random.Next() % (ulong)model.Tokenizer.VocabularySize))];
            if (promptTokens > 0)
                ProfileTable.Write(output, $"prompt of {promptTokens}", await TimeAsync(running, timer, 0, tokens.AsMemory(0, promptTokens), cancellationToken));
            ProfileTable.Write(output, $"one token after {depthTokens}", await TimeAsync(running, timer, depthTokens, tokens.AsMemory(0, depthTokens + 1), cancellationToken));
            return 0;
        });
        return command;
    }

    // Runs tokens, those from a place on with the timer; before that, all once to warm up.
    private static async Task<IReadOnlyList<StepTime>> TimeAsync(Context context, StepTimer timer, int from, ReadOnlyMemory<int> tokens, CancellationToken cancellationToken)
    {
        using Session session = context.CreateSession();
        await session.EvaluateAsync(tokens, (_, _) => { }, cancellationToken: cancellationToken);
        session.Rewind(from);
        int before = timer.Times.Count;
        timer.IsOn = true;
        await session.EvaluateAsync(tokens[from..], (_, _) => { }, cancellationToken: cancellationToken);
        timer.IsOn = false;
        return [.. timer.Times.Skip(before)];
    }
}
