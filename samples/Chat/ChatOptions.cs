using Moe.Inference;
using Moe.Inference.Ops;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;

namespace ChatSample;

/// <summary>What the command line asks for.</summary>
internal sealed record ChatOptions
{
    private const string ShippedModel = "tiny-stories-moe-Q4_K_M.gguf";

    /// <summary>The model that ships with the sample, beside the program.</summary>
    public static string ShippedModelPath { get; } = Path.Combine(AppContext.BaseDirectory, "models", ShippedModel);

    public required string ModelPath { get; init; }

    public string? Prompt { get; init; }

    public string? System { get; init; }

    public bool Info { get; init; }

    public bool Verbose { get; init; }

    /// <summary>Says how to load the model and where its tensors live; reads the file's headers.</summary>
    public required Func<ModelOptions> Loading { get; init; }

    public required ContextOptions Context { get; init; }

    public required GenerationOptions Generation { get; init; }

    /// <summary>The built-in kernels with some operations replaced by their composed forms.</summary>
    public static OpRegistry RegistryWithout(params IEnumerable<string> operations)
    {
        OpRegistry registry = Moe.Inference.Context.CreateRegistry();
        foreach (string operation in operations)
            registry.Disable(operation);
        return registry;
    }

    /// <summary>Refuses what cannot be, before a large model is loaded in vain.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public void Validate()
    {
        Generation.Sampling.Validate();
        AtLeastOne(nameof(GenerationOptions.MaxTokens), Generation.MaxTokens);
        AtLeastOne(nameof(ContextOptions.ContextLength), Context.ContextLength);
        AtLeastOne(nameof(ContextOptions.Threads), Context.Threads);
    }

    private static void AtLeastOne(string name, int? value)
    {
        if (value < 1)
            throw new ArgumentOutOfRangeException(name, value, "expected at least 1");
    }
}
