using Moe.Inference.Gguf;

namespace Moe.Inference.Architectures;

/// <summary>The numbers that shape a model, as its file states them.</summary>
public sealed record Hyperparameters
{
    private const int Largest = 1 << 24;

    /// <summary>The architecture's name (<c>general.architecture</c>).</summary>
    public required string Architecture { get; init; }

    /// <summary>Decoder layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Tokens of context the model was trained for.</summary>
    public required int ContextLength { get; init; }

    /// <summary>Elements of a token's hidden state.</summary>
    public required int Width { get; init; }

    /// <summary>Hidden width of dense feed-forward networks, 0 if unstated.</summary>
    public required int FeedForward { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key/value heads.</summary>
    public required int KvHeads { get; init; }

    /// <summary>Elements of a query's or key's head.</summary>
    public required int KeyWidth { get; init; }

    /// <summary>Elements of a value's head.</summary>
    public required int ValueWidth { get; init; }

    /// <summary>ε of the normalizations.</summary>
    public required float Epsilon { get; init; }

    /// <summary>Frequency base of rotary embedding.</summary>
    public required float RopeBase { get; init; }

    /// <summary>Rotated elements of a head.</summary>
    public required int RopeWidth { get; init; }

    /// <summary>Factor on positions (linear scaling), 1 for none.</summary>
    public required float RopeScale { get; init; }

    /// <summary>Experts of a layer, 0 for a dense model.</summary>
    public required int Experts { get; init; }

    /// <summary>Experts chosen for a token.</summary>
    public required int ExpertsUsed { get; init; }

    /// <summary>Hidden width of one expert.</summary>
    public required int ExpertFeedForward { get; init; }

    /// <summary>Reads and checks the numbers.</summary>
    /// <exception cref="GgufFormatException">A key is missing or of the wrong type.</exception>
    /// <exception cref="UnsupportedModelException">A number is absurd, or asks for what is not supported.</exception>
    public static Hyperparameters Read(GgufMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        string name = metadata.GetString("general.architecture");
        string Key(string suffix) => $"{name}.{suffix}";
        int width = Positive(metadata, Key("embedding_length"));
        int heads = Positive(metadata, Key("attention.head_count"));
        int keyWidth = Positive(metadata, Key("attention.key_length"), width / heads);
        int experts = NotNegative(metadata, Key("expert_count"));
        RefuseUnknownScaling(metadata, name);
        Hyperparameters result = new()
        {
            Architecture = name,
            Layers = Positive(metadata, Key("block_count")),
            ContextLength = Positive(metadata, Key("context_length")),
            Width = width,
            FeedForward = NotNegative(metadata, Key("feed_forward_length")),
            Heads = heads,
            KvHeads = Positive(metadata, Key("attention.head_count_kv"), heads),
            KeyWidth = keyWidth,
            ValueWidth = Positive(metadata, Key("attention.value_length"), width / heads),
            Epsilon = metadata.GetSingle(Key("attention.layer_norm_rms_epsilon")),
            RopeBase = metadata.GetSingle(Key("rope.freq_base"), 10000),
            RopeWidth = Positive(metadata, Key("rope.dimension_count"), keyWidth),
            RopeScale = 1 / metadata.GetSingle(Key("rope.scaling.factor"), 1),
            Experts = experts,
            ExpertsUsed = NotNegative(metadata, Key("expert_used_count")),
            ExpertFeedForward = NotNegative(metadata, Key("expert_feed_forward_length")),
        };
        result.Check();
        return result;
    }

    private void Check()
    {
        Demand(Heads % KvHeads == 0, $"{Heads} query heads cannot share {KvHeads} key/value heads evenly");
        Demand(RopeWidth % 2 == 0 && RopeWidth <= KeyWidth, $"{RopeWidth} rotated elements do not fit heads of {KeyWidth}");
        Demand(ExpertsUsed <= Experts && (Experts == 0) == (ExpertsUsed == 0), $"{ExpertsUsed} of {Experts} experts cannot be chosen");
        Demand(float.IsFinite(Epsilon) && Epsilon > 0, $"the normalizations' epsilon is {Epsilon}");
        Demand(float.IsFinite(RopeBase) && RopeBase > 0, $"the rotary embedding's base is {RopeBase}");
        Demand(float.IsFinite(RopeScale) && RopeScale > 0, $"the rotary embedding's scale is {RopeScale}");
    }

    private void Demand(bool condition, string complaint)
    {
        if (!condition)
            throw new UnsupportedModelException($"{Architecture}: {complaint}");
    }

    private static void RefuseUnknownScaling(GgufMetadata metadata, string name)
    {
        string? scaling = metadata.GetString($"{name}.rope.scaling.type", null);
        if (scaling is not (null or "none" or "linear"))
            throw new UnsupportedModelException($"{name}: rotary scaling '{scaling}' is not supported yet; none and linear are");
        if (scaling is not "linear" && metadata.GetSingle($"{name}.rope.scaling.factor", 1) != 1)
            throw new UnsupportedModelException($"{name}: a rotary scaling factor is given without its type");
    }

    private static int Positive(GgufMetadata metadata, string key) => InRange(key, metadata.GetInt64(key), 1);

    private static int Positive(GgufMetadata metadata, string key, int otherwise) => InRange(key, metadata.GetInt64(key, otherwise), 1);

    private static int NotNegative(GgufMetadata metadata, string key) => InRange(key, metadata.GetInt64(key, 0), 0);

    private static int InRange(string key, long value, int smallest) => value >= smallest && value <= Largest
        ? (int)value
        : throw new UnsupportedModelException($"'{key}' is {value}; expected {smallest} to {Largest}");
}
