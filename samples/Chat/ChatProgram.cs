using Moe.Inference;
using Moe.Inference.Chat;

namespace ChatSample;

/// <summary>Loads the model and starts what was asked for.</summary>
internal static class ChatProgram
{
    private const int Error = 1;
    private const int Interrupted = 130;

    // A vocabulary that was not made for ChatML may have no token for the end of a turn.
    private const string ChatMlEnd = "<|im_end|>";

    /// <summary>Runs the program; errors that a user can do something about become one line and an exit code.</summary>
    public static async Task<int> RunAsync(ChatOptions options)
    {
        ConsoleView view = new();
        try
        {
            return await RunAsync(options, view);
        }
        catch (OperationCanceledException)
        {
            return Interrupted;
        }
        catch (Exception error) when (ErrorText.IsExpected(error))
        {
            view.Error(ErrorText.Of(error));
            return Error;
        }
    }

    private static async Task<int> RunAsync(ChatOptions options, ConsoleView view)
    {
        options.Validate();
        ModelInfo info = ReadInfo(options.ModelPath);
        if (options.Info)
        {
            view.Write(ModelReport.Of(info));
            return 0;
        }

        using Interrupts interrupts = new(ConsoleView.IsInteractive && options.Prompt is null);
        using StderrLoggerFactory? logging = options.Verbose ? new StderrLoggerFactory() : null;
        using Model model = await LoadAsync(options, view, interrupts, logging);
        using Context context = model.CreateContext(options.Context);
        ChatTemplate template = model.ChatTemplate ?? ChatTemplate.ChatMl;
        using Conversation conversation = new(template, context, options.System);
        view.Loaded(info, context);
        GenerationOptions generation = options.Generation with { StopStrings = info.HasChatTemplate ? [] : [ChatMlEnd] };
        ChatLoop loop = new(conversation, generation, view, interrupts);
        return options.Prompt is null ? await loop.RunAsync() : await loop.AnswerOnceAsync(options.Prompt) ? 0 : Error;
    }

    private static ModelInfo ReadInfo(string path) =>
        Directory.Exists(path) ? throw new IOException($"{path} is a folder, not a GGUF file") : ModelInfo.Read(path);

    private static async Task<Model> LoadAsync(ChatOptions options, ConsoleView view, Interrupts interrupts, StderrLoggerFactory? logging)
    {
        using Interrupts.Work work = interrupts.Begin();
        ModelOptions how = options.Loading() with { LoggerFactory = logging };
        return await view.WithProgressAsync(
            $"loading {Path.GetFileName(options.ModelPath)}",
            progress => Model.LoadAsync(options.ModelPath, how, progress, work.Token));
    }
}
