namespace Moe.Inference.Sampling;

/// <summary>
/// How the next token is chosen from the model's logits. The steps run in this order, each on what the one before left:
/// logit processors, logit bias, penalties, top-k, typical, top-p, min-p, temperature, and a random draw.
/// Probabilities in a filter are those of the tokens still there, before temperature. Every filter keeps at least one token.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>The most likely token each time, nothing random.</summary>
    public static SamplingOptions Greedy { get; } = new() { Temperature = 0 };

    /// <summary>
    /// Divides the logits: below 1 sharpens, above 1 flattens the distribution. From 0 to 100; 0 takes the most likely token and runs no
    /// filter.
    /// </summary>
    public float Temperature { get; init; } = 0.8f;

    /// <summary>Keeps this many of the most likely tokens; 0 keeps all.</summary>
    public int TopK { get; init; } = 40;

    /// <summary>Keeps the fewest most likely tokens whose probabilities sum to at least this. From 0 to 1; 1 keeps all.</summary>
    public float TopP { get; init; } = 0.95f;

    /// <summary>Keeps tokens at least this fraction as likely as the most likely one. From 0 to 1; 0 keeps all.</summary>
    public float MinP { get; init; } = 0.05f;

    /// <summary>
    /// Keeps the fewest tokens, those of most typical information content first, whose probabilities sum to at least this. From 0 to 1; 1
    /// keeps all.
    /// </summary>
    public float TypicalP { get; init; } = 1;

    /// <summary>
    /// Divides positive and multiplies other logits of tokens in the window. From 0.01 to 100; 1 changes nothing, above 1 discourages.
    /// </summary>
    public float RepetitionPenalty { get; init; } = 1;

    /// <summary>Subtracted from a token's logit once for each time it occurs in the window. From -100 to 100; 0 changes nothing.</summary>
    public float FrequencyPenalty { get; init; }

    /// <summary>Subtracted from a token's logit if it occurs in the window at all. From -100 to 100; 0 changes nothing.</summary>
    public float PresencePenalty { get; init; }

    /// <summary>How many of the latest accepted tokens the three penalties look at; -1 for all, 0 for none.</summary>
    public int PenaltyWindow { get; init; } = 64;

    /// <summary>Added to the logits of some tokens, by id. From -1000 to 1000, or negative infinity to forbid the token.</summary>
    public IReadOnlyDictionary<int, float> LogitBias { get; init; } = new Dictionary<int, float>();

    /// <summary>Changes to the logits made before everything else, in this order.</summary>
    public IReadOnlyList<ILogitProcessor> LogitProcessors { get; init; } = [];

    /// <summary>
    /// Where the random draws start: the same seed, options and logits give the same tokens on every machine. Null for a random seed.
    /// </summary>
    public ulong? Seed { get; init; }

    /// <summary>How many of the model's most likely tokens to report beside each sampled one. From 0 to 20.</summary>
    public int TopLogProbs { get; init; }

    /// <summary>Checks that every value is in its range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A value is not; the message names the property, its range and the value.</exception>
    /// <exception cref="ArgumentNullException">Bias, processors or one of the processors is null.</exception>
    public void Validate()
    {
        Check(nameof(Temperature), Temperature, 0, 100);
        Check(nameof(TopK), TopK, 0, int.MaxValue);
        Check(nameof(TopP), TopP, 0, 1);
        Check(nameof(MinP), MinP, 0, 1);
        Check(nameof(TypicalP), TypicalP, 0, 1);
        Check(nameof(RepetitionPenalty), RepetitionPenalty, 0.01f, 100);
        Check(nameof(FrequencyPenalty), FrequencyPenalty, -100, 100);
        Check(nameof(PresencePenalty), PresencePenalty, -100, 100);
        Check(nameof(PenaltyWindow), PenaltyWindow, -1, int.MaxValue);
        Check(nameof(TopLogProbs), TopLogProbs, 0, 20);
        ArgumentNullException.ThrowIfNull(LogitBias);
        foreach ((int id, float bias) in LogitBias)
        {
            Check(nameof(LogitBias), id, 0, int.MaxValue, " (a token id)");
            if (!float.IsNegativeInfinity(bias))
                Check(nameof(LogitBias), bias, -1000, 1000, ", or negative infinity");
        }
        ArgumentNullException.ThrowIfNull(LogitProcessors);
        foreach (ILogitProcessor processor in LogitProcessors)
            ArgumentNullException.ThrowIfNull(processor, nameof(LogitProcessors));
    }

    // NaN fails both comparisons.
    private static void Check<T>(string property, T value, T least, T most, string also = "")
        where T : IComparable<T>, System.Numerics.IComparisonOperators<T, T, bool>
    {
        if (!(value >= least && value <= most))
        {
            string range = FormattableString.Invariant($"{property} must be from {least} to {most}{also}");
            throw new ArgumentOutOfRangeException(property, value, range);
        }
    }
}
