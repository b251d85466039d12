namespace Moe.Inference.Tokenization;

/// <summary>
/// The pre-tokenizers by the names that llama.cpp gives them in <c>tokenizer.ggml.pre</c>. Each follows the expressions in the model's
/// published <c>tokenizer.json</c>.
/// </summary>
internal static class PreTokenizers
{
    private static readonly (Func<PreTokenizer> Create, string Names)[] Families =
    [
        (() => new(GptPatterns.Default()), "default"),
        (() => new(GptPatterns.Falcon()), "falcon"),
        (() => new(GptPatterns.Gpt2), "gpt-2 phi-2 gigachat a.x-4.0 mellum exaone4 mpt olmo jais trillion granite-docling"),
        (() => new(GptPatterns.SingleDigits, GptPatterns.Gpt2),
            "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2"),
        (() => new(Llama3Patterns.Words(digits: 1)),
            "qwen2 deepseek-r1-qwen megrez hunyuan stablelm2 grok-2 solar-open kormo f2llmv2 bailingmoe bailingmoe2 llada-moe"),
        (() => new(Llama3Patterns.WordsWithMarks()), "qwen35"),
        (() => new(Llama3Patterns.WordsWithBareSymbols()), "seed-coder"),
        (() => new(Llama3Patterns.Words(digits: 3)), "dbrx smaug-bpe glm4 chatglm-bpe"),
        (() => new(Llama3Patterns.Words(digits: 3)) { PrefersWholeWords = true, AddsBos = true },
            "llama-bpe llama3 llama-v3 falcon3 falcon-h1 pixtral midm-2.0 lfm2"),
        (() => new(CasePatterns.Words(digits: 3, contractions: true)), "gpt-4o llama4 kanana2 minimax-m2"),
        (() => new(CasePatterns.Words(digits: 1, contractions: false)) { PrefersWholeWords = true, AddsBos = true }, "tekken"),
        (() => new(CasePatterns.WordsAndHan()), "kimi-k2"),
        (() => new(DeepSeekPatterns.Llm()), "deepseek-llm"),
        (() => new(DeepSeekPatterns.Coder()), "deepseek-coder"),
        (() => new(DeepSeekPatterns.V3()), "deepseek-v3 hunyuan-dense joyai-llm hy_v4"),
    ];

    private static readonly Dictionary<string, Lazy<PreTokenizer>> ByName = Index();

    /// <summary>The names there are, in alphabetical order.</summary>
    public static IEnumerable<string> Names => ByName.Keys.Order(StringComparer.Ordinal);

    /// <summary>The pre-tokenizer of a name; of <c>default</c> if the file names none.</summary>
    /// <exception cref="UnsupportedModelException">The name is not known.</exception>
    public static PreTokenizer Find(string? name) =>
        ByName.TryGetValue(string.IsNullOrEmpty(name) ? "default" : name, out Lazy<PreTokenizer>? found)
            ? found.Value
            : throw new UnsupportedModelException($"The pre-tokenizer '{name}' is not known; those known are {string.Join(", ", Names)}.");

    private static Dictionary<string, Lazy<PreTokenizer>> Index()
    {
        Dictionary<string, Lazy<PreTokenizer>> byName = new(StringComparer.Ordinal);
        foreach ((Func<PreTokenizer> create, string names) in Families)
        {
            Lazy<PreTokenizer> shared = new(create);
            foreach (string name in names.Split(' '))
                byName.Add(name, shared);
        }
        return byName;
    }
}
