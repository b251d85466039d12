using System.CommandLine;
using Moe.Inference.Gguf;
using Moe.Inference.Tokenization;

namespace Moe.Inference.Bench.Commands;

/// <summary><c>tokenize</c>: the ids of a text. The file may hold a vocabulary and no weights.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        Argument<string> file = Arguments.Model();
        Option<string?> text = new("--text") { Description = "The text" };
        Option<string?> textFile = new("--file", "-f") { Description = "A file with the text in UTF-8; standard input if neither is given" };
        Option<bool> noSpecial = new("--no-special") { Description = "Add no tokens that begin or end a text" };
        Option<bool> parseSpecial = new("--parse-special") { Description = "Let the texts of control tokens become those tokens" };
        Command command = new("tokenize", "The ids of a text's tokens, on one line") { file, text, textFile, noSpecial, parseSpecial };
        command.Validators.Add(result =>
        {
            if (result.GetValue(text) is not null && result.GetValue(textFile) is not null)
                result.AddError("--text and --file exclude each other");
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            string content = await ReadAsync(parsed.GetValue(text), parsed.GetValue(textFile), cancellationToken);
            using GgufFile gguf = GgufFile.Open(parsed.GetRequiredValue(file));
            Tokenizer tokenizer = Tokenizer.Create(gguf.Metadata);
            int[] ids = tokenizer.Encode(content, parsed.GetValue(parseSpecial), addSpecial: !parsed.GetValue(noSpecial));
            await parsed.InvocationConfiguration.Output.WriteLineAsync(string.Join(' ', ids));
            return 0;
        });
        return command;
    }

    private static async Task<string> ReadAsync(string? text, string? file, CancellationToken cancellationToken)
    {
        if (text is not null)
            return text;
        return file is not null ? await File.ReadAllTextAsync(file, cancellationToken) : await Console.In.ReadToEndAsync(cancellationToken);
    }
}
