using System.CommandLine;
using System.Globalization;
using Moe.Inference.Bench.Perplexity;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>perplexity</c>: how well a model foresees a text.</summary>
internal static class PerplexityCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Argument<string> text = new("TEXT") { Description = "A text in UTF-8" };
        Option<int> chunk = Arguments.Count("--chunk", 512, "Tokens of a chunk; predictions in its second half are scored", least: 4);
        Option<int?> limit = Arguments.OptionalCount("--chunks", "Stop after so many chunks");
        Option<bool> json = Arguments.Json();
        Command command = new("perplexity", "How well a model foresees a text: by chunks, each from an empty session, second halves scored") { file, text, chunk, limit, json };
        PlacementArguments placement = new(command);
        ContextArguments context = new(command);
        command.SetAction(async (parsed, cancellationToken) =>
        {
            TextWriter output = parsed.InvocationConfiguration.Output;
            bool asJson = parsed.GetValue(json);
            int length = parsed.GetValue(chunk);
            string content = await File.ReadAllTextAsync(parsed.GetRequiredValue(text), cancellationToken);
            string path = parsed.GetRequiredValue(file);
            ContextOptions options = context.Read(parsed, length);
            using Model model = Model.Load(path, placement.Loading(parsed, path, options), cancellationToken: cancellationToken);
            using Context ready = model.CreateContext(options);
            PerplexityRun run = new(ready, TextChunks.Cut(model.Tokenizer, content, length, parsed.GetValue(limit)));
            PerplexityScore score = await run.ExecuteAsync(asJson ? null : (index, soFar) => PrintChunk(output, index, soFar), cancellationToken);
            if (asJson)
                await output.WriteLineAsync(JsonOutput.Readable(new { File = model.Path, score.Perplexity, score.StandardError, score.Predictions, Chunks = run.ChunkCount }));
            else
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"\nperplexity {score.Perplexity:F4} ± {score.StandardError:F4} over {score.Predictions} predictions"));
            return 0;
        });
        return command;
    }

    private static void PrintChunk(TextWriter output, int index, PerplexityScore soFar)
    {
        output.Write(string.Create(CultureInfo.InvariantCulture, $"[{index + 1}] {soFar.Perplexity:F4} "));
        output.Flush();
    }
}
