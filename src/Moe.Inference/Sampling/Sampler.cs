using System.Numerics.Tensors;
using Moe.Inference.Tensors;

namespace Moe.Inference.Sampling;

/// <summary>
/// Chooses tokens from a model's logits, for one generation. <see cref="SamplingOptions"/> says in which order the steps run. Not
/// thread-safe. <see cref="Sample"/> allocates nothing, unless alternatives are asked for. A seed gives the same tokens on every machine,
/// because all that decides uses only arithmetic that IEEE 754 defines to the last bit, and a generator of our own (xoshiro256**).
/// </summary>
public sealed class Sampler
{
    private const string ModelOrigin = "The model", EditOrigin = "A logit processor, the logit bias or a penalty";

    private readonly SamplingOptions _options;
    private readonly int _vocabularySize;
    private readonly TokenHistory _history;
    private readonly ILogitProcessor[] _processors;
    private readonly ISamplerStage[] _edits;
    private readonly ISamplerStage[] _filters;
    private readonly CandidateBuffer _candidates;
    private readonly TopSelection _best = new(1);
    private readonly TopSelection _alternatives;
    private Xoshiro256 _random;

    /// <summary>Creates a sampler.</summary>
    /// <param name="options">How to choose.</param>
    /// <param name="vocabularySize">How many logits each call of <see cref="Sample"/> gets, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An option is out of range, a biased token is not in the vocabulary, or the vocabulary is empty.
    /// </exception>
    public Sampler(SamplingOptions options, int vocabularySize)
        : this(Checked(options, vocabularySize), vocabularySize, NewHistory(options), options.LogitProcessors, SeedOf(options.Seed))
    {
    }

    private Sampler(
        SamplingOptions options, int vocabularySize, TokenHistory history, IReadOnlyList<ILogitProcessor> processors, ulong seed)
    {
        _options = options;
        _vocabularySize = vocabularySize;
        _history = history;
        _processors = [.. processors.Select(processor => processor.Fork())];
        _alternatives = new(Math.Min(options.TopLogProbs, vocabularySize));
        Seed = seed;
        _random = new(seed);
        int mostSelected = IsGreedy ? 0 : IsOn(options.TopK) ? options.TopK : vocabularySize;
        _candidates = new(vocabularySize, mostSelected);
        _edits = [.. Edits()];
        _filters = IsGreedy ? [] : [.. Filters(mostSelected)];
    }

    /// <summary>The seed in use: the one of the options, or the one that was drawn.</summary>
    public ulong Seed { get; }

    private bool IsGreedy => _options.Temperature == 0;

    /// <summary>Takes note of a token of the prompt or the answer, for penalties and logit processors.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The token is not in the vocabulary.</exception>
    public void Accept(int token)
    {
        if ((uint)token >= (uint)_vocabularySize)
            throw new ArgumentOutOfRangeException(nameof(token), token, $"token must be from 0 to {_vocabularySize - 1}");
        _history.Add(token);
    }

    /// <summary>Takes note of several tokens, oldest first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A token is not in the vocabulary; those before it have been noted.</exception>
    public void Accept(ReadOnlySpan<int> tokens)
    {
        foreach (int token in tokens)
            Accept(token);
    }

    /// <summary>Chooses the next token. It is not noted: that is <see cref="Accept(int)"/>'s business.</summary>
    /// <param name="logits">The model's logits, one for each token of the vocabulary; negative infinity forbids a token.</param>
    /// <exception cref="ArgumentException">There are more or fewer logits than tokens in the vocabulary.</exception>
    /// <exception cref="InvalidLogitsException">A logit is NaN or positive infinity.</exception>
    /// <exception cref="NoAllowedTokenException">Every token is forbidden.</exception>
    public SampledToken Sample(ReadOnlySpan<float> logits)
    {
        if (logits.Length != _vocabularySize)
            throw new ArgumentException($"got {logits.Length} logits for a vocabulary of {_vocabularySize} tokens", nameof(logits));
        double normalizer = LogSoftmax.LogSumExp(logits, CheckedMax(logits, ModelOrigin));
        int token = Choose(logits);
        return new(token, LogProbability(logits[token], normalizer), Alternatives(logits, normalizer));
    }

    /// <summary>Whether the greatest logits, so many of them, are enough to choose from with these options.</summary>
    internal bool TakesTop(int count) => _edits.Length == 0 && _options.TopLogProbs <= count && (IsGreedy ? count > 0 : IsOn(_options.TopK) && _options.TopK <= count);

    /// <summary>Chooses the next token, the same as from the whole row.</summary>
    /// <param name="top">The greatest logits of the row, fit for use, and as many as <see cref="TakesTop"/> wants.</param>
    internal SampledToken SampleTop(TopLogits top)
    {
        double normalizer = top.Normalizer;
        int token = IsGreedy ? top.TokenAt(0) : Draw(top);
        return new(token, LogProbability(top.LogitOf(token), normalizer), Alternatives(top, normalizer));
    }

    /// <summary>
    /// Copies the sampler: history, and the state of logit processors and of the random generator, so that both choose alike from here on.
    /// </summary>
    /// <param name="seed">Where the copy's random draws start instead, so that they differ from this one's.</param>
    public Sampler Clone(ulong? seed = null)
    {
        Sampler clone = new(_options, _vocabularySize, _history.Clone(), _processors, seed ?? Seed);
        if (seed is null)
            clone._random = _random;
        return clone;
    }

    private int Choose(ReadOnlySpan<float> logits)
    {
        ReadOnlySpan<float> edited = logits;
        if (_edits.Length > 0 || !IsGreedy)
        {
            _candidates.Load(logits);
            edited = _candidates.Logits;
        }
        if (_edits.Length > 0)
        {
            foreach (ISamplerStage stage in _edits)
                stage.Apply(_candidates);
            CheckedMax(edited, EditOrigin);
        }
        return IsGreedy ? _best.Find(edited)[0] : Draw();
    }

    private int Draw(TopLogits top)
    {
        _candidates.Load(top, _options.TopK);
        return Draw();
    }

    /// <summary>
    /// Filters the candidates, then inverts the cumulative distribution: the first candidate, in order of id, at which the running sum exceeds a uniform share of the
    /// total.
    /// </summary>
    private int Draw()
    {
        foreach (ISamplerStage stage in _filters)
            stage.Apply(_candidates);
        ReadOnlySpan<double> weights = _candidates.Weights(out double total);
        double remaining = _random.NextDouble() * total;
        int chosen = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] == 0)
                continue;
            chosen = i;
            remaining -= weights[i];
            if (remaining < 0)
                break;
        }
        return _candidates.IdAt(chosen);
    }

    private IEnumerable<ISamplerStage> Edits()
    {
        if (_processors.Length > 0)
            yield return new LogitProcessorStage(_processors, _history);
        if (_options.LogitBias.Count > 0)
            yield return new LogitBiasStage(_options.LogitBias);
        if (HasPenalty(_options))
            yield return new PenaltyStage(_options.RepetitionPenalty, _options.FrequencyPenalty, _options.PresencePenalty, _history);
    }

    private IEnumerable<ISamplerStage> Filters(int mostSelected)
    {
        if (IsOn(_options.TopK))
            yield return new TopKStage(_options.TopK);
        if (_options.TypicalP < 1)
            yield return new TypicalStage(_options.TypicalP, mostSelected);
        if (_options.TopP < 1)
            yield return new TopPStage(_options.TopP, mostSelected);
        if (_options.MinP > 0)
            yield return new MinPStage(_options.MinP);
        if (_options.Temperature != 1)
            yield return new TemperatureStage(_options.Temperature);
    }

    private bool IsOn(int topK) => topK > 0 && topK < _vocabularySize;

    private TokenLogProbability[] Alternatives(ReadOnlySpan<float> logits, double normalizer)
    {
        if (_options.TopLogProbs == 0)
            return [];
        ReadOnlySpan<int> best = _alternatives.FindOrdered(logits);
        TokenLogProbability[] alternatives = new TokenLogProbability[best.Length];
        for (int i = 0; i < best.Length; i++)
            alternatives[i] = new(best[i], LogProbability(logits[best[i]], normalizer));
        return alternatives;
    }

    private TokenLogProbability[] Alternatives(TopLogits top, double normalizer)
    {
        int count = top.Count(_options.TopLogProbs);
        TokenLogProbability[] alternatives = count == 0 ? [] : new TokenLogProbability[count];
        for (int i = 0; i < count; i++)
            alternatives[i] = new(top.TokenAt(i), LogProbability(top.Logits[i], normalizer));
        return alternatives;
    }

    // Rounding may leave a certain token's logit a little above the normalizer.
    private static float LogProbability(float logit, double normalizer) => (float)Math.Min(0, logit - normalizer);

    /// <summary>The greatest logit, which is NaN or infinite exactly if the logits are unusable.</summary>
    private static float CheckedMax(ReadOnlySpan<float> logits, string origin)
    {
        float max = TensorPrimitives.Max(logits);
        if (float.IsFinite(max))
            return max;
        for (int id = 0; id < logits.Length; id++)
        {
            if (float.IsNaN(logits[id]) || float.IsPositiveInfinity(logits[id]))
                throw new InvalidLogitsException(origin, id, logits[id]);
        }
        throw new NoAllowedTokenException(origin);
    }

    private static bool HasPenalty(SamplingOptions options) =>
        options.PenaltyWindow != 0 && (options.RepetitionPenalty != 1 || options.FrequencyPenalty != 0 || options.PresencePenalty != 0);

    private static TokenHistory NewHistory(SamplingOptions options) => new(HasPenalty(options) ? options.PenaltyWindow : 0);

    private static ulong SeedOf(ulong? seed) => seed ?? unchecked((ulong)Random.Shared.NextInt64(long.MinValue, long.MaxValue));

    private static SamplingOptions Checked(SamplingOptions options, int vocabularySize)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentOutOfRangeException.ThrowIfLessThan(vocabularySize, 1);
        options.Validate();
        foreach (int id in options.LogitBias.Keys)
        {
            if (id >= vocabularySize)
                throw new ArgumentOutOfRangeException(nameof(options), id, $"LogitBias must name tokens from 0 to {vocabularySize - 1}");
        }
        return options;
    }
}
