using Moe.Inference.Sampling;

namespace Moe.Inference.Testing;

/// <summary>What follows the first prompt of a script.</summary>
internal enum SecondRequest
{
    /// <summary>Another prompt that has only its first token in common with the first.</summary>
    SharesOneToken,

    /// <summary>Another prompt that begins with half of the first.</summary>
    SharesHalf,

    /// <summary>The conversation goes back by some tokens and goes on in another way.</summary>
    AfterRewind,

    /// <summary>The conversation is forked, and both go on at the same time.</summary>
    AfterFork,

    /// <summary>A new session with the same beginning generates, and takes over full pages of the first.</summary>
    NewSession,
}

/// <summary>Requests to a context, made of a seed.</summary>
/// <param name="Prompt">Tokens of the first prompt, at least 1.</param>
/// <param name="Second">What follows.</param>
/// <param name="Seed">Where the random tokens start.</param>
internal sealed record HybridScript(int Prompt, SecondRequest Second, int Seed)
{
    /// <summary>Draws a script.</summary>
    /// <param name="random">Where random numbers come from.</param>
    /// <param name="microBatch">Tokens of a micro-batch, the edges of which are likely lengths.</param>
    public static HybridScript Draw(Random random, int microBatch)
    {
        int prompt = random.Next(3) switch
        {
            0 => (microBatch * random.Next(1, 4)) + random.Next(-1, 4),
            1 => random.Next(1, 20),
            _ => random.Next(1, 101),
        };
        return new HybridScript(prompt, (SecondRequest)random.Next(Enum.GetValues<SecondRequest>().Length), random.Next());
    }

    /// <summary>Tokens of the context that a script may need.</summary>
    public int ContextLength => Prompt + MostNew + Generated + 1;

    private const int MostNew = 40;
    private const int Generated = 4;

    /// <summary>Makes the requests.</summary>
    /// <returns>Logits of all positions that were computed, request by request.</returns>
    public async Task<IReadOnlyList<float[]>> PlayAsync(Context context)
    {
        Random random = new(Seed);
        int vocabulary = context.Model.Graph.Logits.Width;
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(vocabulary))];
        List<float[]> rows = [];
        int[] prompt = Tokens(Prompt);
        using Session session = context.CreateSession();
        await EvaluateAsync(session, prompt, rows).ConfigureAwait(false);
        switch (Second)
        {
            case SecondRequest.SharesOneToken or SecondRequest.SharesHalf:
                session.SetTokens(prompt.AsSpan(0, Second == SecondRequest.SharesOneToken ? 1 : (Prompt + 1) / 2));
                await EvaluateAsync(session, Tokens(random.Next(1, MostNew)), rows).ConfigureAwait(false);
                break;
            case SecondRequest.AfterRewind:
                session.Rewind(random.Next(Prompt));
                await EvaluateAsync(session, Tokens(1), rows).ConfigureAwait(false);
                await EvaluateAsync(session, Tokens(random.Next(2, 20)), rows).ConfigureAwait(false);
                break;
            case SecondRequest.AfterFork:
                await PlayForkAsync(session, Tokens(random.Next(1, MostNew)), Tokens(random.Next(1, MostNew)), rows).ConfigureAwait(false);
                break;
            default:
                await GenerateAsync(context, prompt, rows).ConfigureAwait(false);
                break;
        }

        return rows;
    }

    private static async Task PlayForkAsync(Session session, int[] first, int[] second, List<float[]> rows)
    {
        using Session fork = session.Fork();
        List<float[]> others = [];
        Task other = EvaluateAsync(fork, second, others);
        try
        {
            await EvaluateAsync(session, first, rows).ConfigureAwait(false);
        }
        finally
        {
            await other.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await other.ConfigureAwait(false);
        rows.AddRange(others);
    }

    private static async Task GenerateAsync(Context context, int[] prompt, List<float[]> rows)
    {
        using Session session = context.CreateSession();
        GenerationOptions options = new() { MaxTokens = Generated, Sampling = SamplingOptions.Greedy with { TopLogProbs = 3 }, IgnoreEndOfGeneration = true };
        await foreach (GeneratedToken token in session.GenerateAsync(prompt, options).ConfigureAwait(false))
            rows.Add([token.LogProbability]);
    }

    private static Task EvaluateAsync(Session session, int[] tokens, List<float[]> rows) =>
        session.EvaluateAsync(tokens, (_, logits) => rows.Add(logits.ToArray()), _ => true);
}
