using Moe.Inference;

namespace ChatSample;

/// <summary>Reads lines, answers them, and obeys commands.</summary>
internal sealed class ChatLoop(Conversation conversation, GenerationOptions options, ConsoleView view, Interrupts interrupts)
{
    private const string Help =
        """
        /help   this list
        /clear  begin a new conversation
        /undo   take the last question and its answer back
        /stats  what the conversation took so far
        /quit   leave (also Ctrl-D, or Ctrl-C twice)
        Ctrl-C  stops an answer
        """;

    private readonly Totals _totals = new();

    /// <summary>Chats until the input ends or the user wants to leave.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> RunAsync()
    {
        interrupts.Warned += view.WarnLeaving;
        while (await ReadLineAsync() is string line)
        {
            line = line.Trim();
            if (line is "/quit" or "/exit")
                return 0;
            if (line.StartsWith('/'))
                Obey(line);
            else if (line.Length > 0)
                await AnswerOnceAsync(line);
        }

        view.EndPrompt();
        return 0;
    }

    /// <summary>Answers one text.</summary>
    /// <returns>Whether it could be answered.</returns>
    public async Task<bool> AnswerOnceAsync(string text)
    {
        FinishReason? reason = null;
        using Interrupts.Work work = interrupts.Begin();
        try
        {
            await foreach (GeneratedToken token in conversation.AskAsync(text, options, work.Token))
            {
                view.Answer(token.Text);
                reason = token.FinishReason;
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping an answer is what Ctrl-C is for; what was said stays.
        }
        catch (ContextOverflowException overflow)
        {
            string sizes = $"it would make the conversation {overflow.Wanted:N0} tokens long, and the context holds {overflow.Capacity:N0}";
            view.Error($"the text does not fit: {sizes}; {Advice}");
            return false;
        }
        catch (Exception error) when (ErrorText.IsExpected(error))
        {
            view.Error(ErrorText.Of(error));
            return false;
        }

        view.EndAnswer();
        SessionStatistics statistics = conversation.Session.LastStatistics;
        _totals.Add(statistics);
        view.Statistics(statistics, reason);
        if (reason == FinishReason.ContextFull)
            view.Note($"the context of {conversation.Session.Context.ContextLength:N0} tokens is full, so the answer ends here; {Advice}");
        return true;
    }

    private static string Advice => "/clear begins a new conversation, /undo takes the last exchange back, --context N makes more room";

    // Console input cannot be cancelled, so it waits on a thread of its own that may be left behind.
    private async Task<string?> ReadLineAsync()
    {
        while (true)
        {
            view.Prompt();
            Task<string?> reading = Task.Run(view.ReadLine);
            await Task.WhenAny(reading, interrupts.Leave);
            if (interrupts.Leave.IsCompleted)
                return null;
            string? line = await reading;
            // Windows ends the line without a text when Ctrl-C is pressed.
            if (line is null && OperatingSystem.IsWindows() && interrupts.IsArmed)
                continue;
            interrupts.Reset();
            return line;
        }
    }

    private void Obey(string command)
    {
        switch (command)
        {
            case "/help":
                view.Write(Help);
                break;
            case "/clear":
                conversation.Clear();
                view.Note("a new conversation");
                break;
            case "/undo":
                view.Note(conversation.Undo() is string question ? $"taken back: {question}" : "there is nothing to take back");
                break;
            case "/stats":
                view.Write(_totals.Describe(conversation));
                break;
            default:
                view.Note($"there is no command {command}; /help lists them");
                break;
        }
    }
}
