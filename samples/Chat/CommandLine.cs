using System.CommandLine;
using System.CommandLine.Parsing;
using Moe.Inference;
using Moe.Inference.Ops;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;

namespace ChatSample;

/// <summary>The options of the program, and the way from them to <see cref="ChatOptions"/>.</summary>
internal static class CommandLine
{
    private const int UsageError = 2;
    private static readonly SamplingOptions Defaults = new() { Temperature = 0.7f };

    private static readonly Argument<string?> Model = new("model")
    {
        Description = "A GGUF file, or any part of a split one; without it, the small model that ships with the sample.",
        Arity = ArgumentArity.ZeroOrOne,
        Validators = { RefuseOption },
    };

    private static readonly Option<string?> Prompt = Of<string?>("--prompt", "-p", "TEXT", "Answer this text and leave.");
    private static readonly Option<string?> System =
        Of<string?>("--system", "-s", "TEXT", "What the model is told before the conversation.");
    private static readonly Option<bool> Info = Flag("--info", "Say what the file holds and whether it can be run, without loading it.");
    private static readonly Option<bool> Verbose = Flag("--verbose", "Show the library's log.");

    private static readonly Option<int?> Context =
        Of<int?>("--context", "-c", "N", "Tokens that the conversation may hold. [default: the model's own, at the most 4096]");
    private static readonly Option<int?> MaxTokens =
        Of<int?>("--max-tokens", "-n", "N", "Most tokens of one answer. [default: until the model ends it]");
    private static readonly Option<string> KvType = Choice("--kv-type", "Element type of key/value memory.", "f16", "f32", "q8_0");
    private static readonly Option<string> Load =
        Choice("--load", "Map the file into memory, or read it into memory of the program's own.", "map", "read");
    private static readonly Option<bool> NoFusedMoe =
        Flag("--no-fused-moe", "Compute experts by simple operations instead of the fused one.");
    private static readonly Option<bool> NoMultiAdd = Flag("--no-multi-add", "Sum experts one by one instead of at once.");
    private static readonly Option<bool> NoFlashAttention =
        Flag("--no-flash-attention", "Compute attention by simple operations instead of the fused one.");
    private static readonly Option<bool> Exact =
        Flag("--exact", "Compute in float32 without quantizing activations: slower, for comparisons.");
    private static readonly Option<bool> Validate =
        Flag("--validate", "Check every step against the host's reference kernels while running: very slow, for finding mistakes.");

    private static readonly Option<float> Temperature =
        Number("--temperature", "Below 1 sharpens, above 1 flattens the choice; 0 always takes the likeliest token.", Defaults.Temperature);
    private static readonly Option<int> TopK = Number("--top-k", "Keep this many of the likeliest tokens; 0 keeps all.", Defaults.TopK);
    private static readonly Option<float> TopP =
        Number("--top-p", "Keep the likeliest tokens that sum to this probability; 1 keeps all.", Defaults.TopP);
    private static readonly Option<float> MinP =
        Number("--min-p", "Keep tokens at least this fraction as likely as the likeliest; 0 keeps all.", Defaults.MinP);
    private static readonly Option<float> Typical =
        Number("--typical", "Keep the most typical tokens that sum to this probability; 1 keeps all.", Defaults.TypicalP);
    private static readonly Option<float> RepeatPenalty =
        Number("--repeat-penalty", "Above 1 discourages tokens that occurred lately.", Defaults.RepetitionPenalty);
    private static readonly Option<float> FrequencyPenalty =
        Number("--frequency-penalty", "Above 0 discourages tokens by how often they occurred lately.", Defaults.FrequencyPenalty);
    private static readonly Option<float> PresencePenalty =
        Number("--presence-penalty", "Above 0 discourages tokens that occurred lately at all.", Defaults.PresencePenalty);
    private static readonly Option<ulong?> Seed =
        Of<ulong?>("--seed", null, "N", "Where random choices start: the same seed gives the same answer. [default: random]");

    /// <summary>Runs the program.</summary>
    /// <returns>0; 1 after an error; 2 if the command line is wrong; 130 if interrupted.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        RootCommand command = new("Chats with a Mixture-of-Experts model from a GGUF file.")
        {
            Model, Prompt, System, Info, Verbose,
            Context, MaxTokens, KvType, Load, NoFusedMoe, NoMultiAdd, NoFlashAttention, Exact, Validate,
            Temperature, TopK, TopP, MinP, Typical, RepeatPenalty, FrequencyPenalty, PresencePenalty, Seed,
        };
        ThreadArguments threads = new(command);
        PlacementArguments placement = new(command);
        command.SetAction((result, _) => ChatProgram.RunAsync(Read(result, threads, placement)));

        // A text that begins with @ is a text, not the name of a file with more options.
        ParseResult result = command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        if (result.Errors.Count == 0)
        {
            InvocationConfiguration plain = new() { ProcessTerminationTimeout = null, EnableDefaultExceptionHandler = false };
            return await result.InvokeAsync(plain);
        }

        foreach (string message in result.Errors.Select(error => error.Message.ReplaceLineEndings(" ").Replace('\t', ' ')).Distinct())
            await Console.Error.WriteLineAsync(message);
        await Console.Error.WriteLineAsync("--help lists the options.");
        return UsageError;
    }

    // A mistyped option would otherwise be taken for the model's path.
    private static void RefuseOption(ArgumentResult result)
    {
        if (result.Tokens.Count > 0 && result.Tokens[0].Value is ['-', ..] value && !File.Exists(value))
            result.AddError($"there is no option {value}");
    }

    private static ChatOptions Read(ParseResult result, ThreadArguments threads, PlacementArguments placement)
    {
        string path = result.GetValue(Model) ?? ChatOptions.ShippedModelPath;
        ContextOptions context = threads.Apply(result, ReadContext(result));
        WeightLoading loading = result.GetValue(Load) == "read" ? WeightLoading.Read : WeightLoading.Map;
        return new()
        {
            ModelPath = path,
            Prompt = result.GetValue(Prompt),
            System = result.GetValue(System),
            Info = result.GetValue(Info),
            Verbose = result.GetValue(Verbose),
            Loading = () => placement.Loading(result, path, context) with { Loading = loading },
            Context = context,
            Generation = new GenerationOptions
            {
                MaxTokens = result.GetValue(MaxTokens),
                Sampling = ReadSampling(result),
                Overflow = OverflowPolicy.Stop,
            },
        };
    }

    private static ContextOptions ReadContext(ParseResult result)
    {
        (Option<bool> Option, string Operation)[] switches =
            [(NoFusedMoe, FusedMoeOp.OpName), (NoMultiAdd, MultiAddOp.OpName), (NoFlashAttention, FlashAttentionOp.OpName)];
        return new ContextOptions
        {
            ContextLength = result.GetValue(Context),
            KvType = Enum.Parse<ElementType>(result.GetRequiredValue(KvType), ignoreCase: true),
            Exact = result.GetValue(Exact),
            Validate = result.GetValue(Validate),
            Operations = ChatOptions.RegistryWithout(switches.Where(pair => result.GetValue(pair.Option)).Select(pair => pair.Operation)),
        };
    }

    private static SamplingOptions ReadSampling(ParseResult result) => new()
    {
        Temperature = result.GetValue(Temperature),
        TopK = result.GetValue(TopK),
        TopP = result.GetValue(TopP),
        MinP = result.GetValue(MinP),
        TypicalP = result.GetValue(Typical),
        RepetitionPenalty = result.GetValue(RepeatPenalty),
        FrequencyPenalty = result.GetValue(FrequencyPenalty),
        PresencePenalty = result.GetValue(PresencePenalty),
        Seed = result.GetValue(Seed),
    };

    private static Option<T> Of<T>(string name, string? letter, string value, string description) =>
        new(name, letter is null ? [] : [letter]) { HelpName = value, Description = description };

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Option<T> Number<T>(string name, string description, T otherwise) =>
        new(name) { HelpName = "X", Description = description, DefaultValueFactory = _ => otherwise };

    private static Option<string> Choice(string name, string description, params string[] values)
    {
        Option<string> option = new(name) { HelpName = string.Join('|', values), Description = description };
        option.DefaultValueFactory = _ => values[0];
        return option.AcceptOnlyFromAmong(values);
    }
}
