using System.CommandLine;
using System.Globalization;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>logits</c>: what a model says after given tokens, for comparison with references.</summary>
internal static class LogitsCommand
{
    private const int TopCount = 5;

    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<int[]> tokens = new("--tokens") { Description = "The prompt's tokens, such as 1,2,3; nothing is added", Required = true, CustomParser = ParseTokens };
        Command command = new("logits", "The logits after given tokens, and the five largest, as JSON") { file, tokens };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            int[] prompt = parsed.GetRequiredValue(tokens);
            string path = parsed.GetRequiredValue(file);
            ContextOptions options = context.Read(parsed, prompt.Length);
            using Model model = Model.Load(path, placement.Loading(parsed, path, options), cancellationToken: cancellationToken);
            CheckTokens(prompt, model.Graph.Logits.Width);
            using Context ready = model.CreateContext(options);
            using Session session = ready.CreateSession();
            float[] logits = session.Evaluate(prompt, cancellationToken);
            int[] top = [.. Enumerable.Range(0, logits.Length).OrderByDescending(id => logits[id]).Take(TopCount)];
            await parsed.InvocationConfiguration.Output.WriteLineAsync(JsonOutput.Compact(new { LastLogits = logits, Top5 = top }));
            return 0;
        });
        return command;
    }

    private static int[] ParseTokens(System.CommandLine.Parsing.ArgumentResult result)
    {
        List<int> ids = [];
        foreach (string text in result.Tokens.SelectMany(token => token.Value.Split(',')))
        {
            if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
                ids.Add(id);
            else
                result.AddError($"--tokens: '{text}' is no token; expected ids separated by commas, such as 1,2,3");
        }

        return [.. ids];
    }

    private static void CheckTokens(int[] tokens, int vocabulary)
    {
        foreach (int token in tokens)
        {
            if (token >= vocabulary)
                throw new UsageException($"--tokens: the vocabulary has {vocabulary} tokens, {token} is none of them");
        }
    }
}
