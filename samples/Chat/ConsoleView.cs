using System.Text;
using Microsoft.Win32.SafeHandles;
using Moe.Inference;
using Spectre.Console;

namespace ChatSample;

/// <summary>
/// What a person sees. Answers go to standard output and everything about them to standard error, so that a pipe gets the answers alone.
/// Colour, prompt and progress bar appear on a terminal only.
/// </summary>
internal sealed class ConsoleView
{
    private readonly IAnsiConsole _notes = AnsiConsole.Create(new AnsiConsoleSettings { Out = new StderrOutput() });

    // A terminal edits the line itself and, unlike Console.ReadLine, forgets what was typed when Ctrl-C is pressed.
    private readonly TextReader _input = OperatingSystem.IsWindows() ? Console.In : new StreamReader(
        new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0), Console.InputEncoding);

    private bool _answering;

    public ConsoleView() => Console.OutputEncoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Whether a person types the input.</summary>
    public static bool IsInteractive => !Console.IsInputRedirected;

    private static string PromptMark => "> ";

    /// <summary>Shows progress while something loads.</summary>
    public async Task<T> WithProgressAsync<T>(string what, Func<IProgress<LoadProgress>?, Task<T>> load)
    {
        if (Console.IsErrorRedirected)
            return await load(null);
        return await _notes.Progress().AutoClear(true).StartAsync(async bars =>
        {
            ProgressTask bar = bars.AddTask(Markup.Escape(what), maxValue: 1);
            return await load(new BarProgress(bar));
        });
    }

    /// <summary>Says what was loaded.</summary>
    public void Loaded(ModelInfo info, Context context)
    {
        string size = $"{Sizes.Count(info.ParameterCount)} parameters, {info.FileType ?? Sizes.Bytes(info.WeightBytes)}";
        Note($"{info.Name}: {info.Architecture}, {size}, context of {context.ContextLength:N0} tokens");
        if (context.ContextLength > info.ContextLength)
            Note($"the model was trained for {info.ContextLength:N0} tokens; what comes later may be poor");
        if (!info.HasChatTemplate)
            Note("the model brings no chat template; ChatML is used instead, which it may not know");
        if (IsInteractive)
            Note("/help lists commands, Ctrl-C stops an answer, Ctrl-D leaves");
    }

    /// <summary>Invites the user to type.</summary>
    public void Prompt()
    {
        if (IsInteractive)
            _notes.Markup($"[bold green]{PromptMark}[/]");
    }

    /// <summary>Waits for a line; null at the end of the input.</summary>
    public string? ReadLine() => _input.ReadLine();

    /// <summary>Ends the line of a prompt that was left without an entry.</summary>
    public void EndPrompt()
    {
        if (IsInteractive)
            _notes.WriteLine();
    }

    /// <summary>Says how to leave, after Ctrl-C at the prompt.</summary>
    public void WarnLeaving()
    {
        _notes.WriteLine();
        Note("Ctrl-C again leaves");
        Prompt();
    }

    /// <summary>Shows the next piece of an answer.</summary>
    public void Answer(string text)
    {
        _answering = true;
        Console.Out.Write(Console.IsOutputRedirected ? text : Printable(text));
        Console.Out.Flush();
    }

    /// <summary>Ends an answer's last line.</summary>
    public void EndAnswer()
    {
        Console.Out.WriteLine();
        _answering = false;
    }

    /// <summary>Says what an answer took, and why it ended if not by itself.</summary>
    public void Statistics(SessionStatistics statistics, FinishReason? reason)
    {
        string end = reason switch
        {
            null => "; stopped",
            FinishReason.MaxTokens => "; --max-tokens reached",
            FinishReason.ContextFull => "; context full",
            _ => "",
        };
        string prompt = $"prompt {statistics.PromptTokens:N0} tokens (reused {statistics.ReusedTokens:N0}), {statistics.PromptTokensPerSecond:N1} t/s";
        Note($"{prompt}; generated {statistics.GeneratedTokens:N0} tokens, {statistics.GeneratedTokensPerSecond:N1} t/s{end}");
    }

    /// <summary>Says something about the chat.</summary>
    public void Note(string text) => _notes.MarkupLine($"[dim]{Markup.Escape(text)}[/]");

    /// <summary>Says what went wrong.</summary>
    public void Error(string text)
    {
        if (_answering)
            EndAnswer();
        _notes.MarkupLine($"[red]error:[/] {Markup.Escape(text)}");
    }

    /// <summary>Shows what a command was asked for.</summary>
    public void Write(string text) => Console.Out.WriteLine(text);

    // A model's text must not steer the terminal.
    private static string Printable(string text) =>
        text.Any(IsControl) ? string.Concat(text.Select(c => IsControl(c) ? '\uFFFD' : c)) : text;

    private static bool IsControl(char c) => char.IsControl(c) && c is not ('\n' or '\t');

    private sealed class BarProgress(ProgressTask bar) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => bar.Value = value.Fraction;
    }

    /// <summary>Standard error, with lines as long as they are where it is no terminal.</summary>
    private sealed class StderrOutput : IAnsiConsoleOutput
    {
        public TextWriter Writer => Console.Error;

        public bool IsTerminal => !Console.IsErrorRedirected;

        public int Width => IsTerminal && Console.BufferWidth > 0 ? Console.BufferWidth : int.MaxValue / 2;

        public int Height => IsTerminal && Console.BufferHeight > 0 ? Console.BufferHeight : 24;

        public void SetEncoding(Encoding encoding) => Console.OutputEncoding = encoding;
    }
}
