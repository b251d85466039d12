using System.Numerics.Tensors;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Perplexity;

/// <summary>
/// Scores chunks of a text: each is evaluated from an empty session; predictions made in its first half, with little context, do not count.
/// The method of llama.cpp's perplexity tool.
/// </summary>
internal sealed class PerplexityRun(Context context, IReadOnlyList<int[]> chunks)
{
    public int ChunkCount => chunks.Count;

    /// <summary>Scores all chunks.</summary>
    /// <param name="progress">Told each chunk's index and the score up to and with it.</param>
    /// <param name="cancellationToken">Stops between steps.</param>
    public async Task<PerplexityScore> ExecuteAsync(Action<int, PerplexityScore>? progress, CancellationToken cancellationToken)
    {
        PerplexityScore score = default;
        for (int i = 0; i < chunks.Count; i++)
        {
            score = await ScoreAsync(chunks[i], score, cancellationToken);
            progress?.Invoke(i, score);
        }

        return score;
    }

    private async Task<PerplexityScore> ScoreAsync(int[] chunk, PerplexityScore score, CancellationToken cancellationToken)
    {
        using Session session = context.CreateSession();
        await session.EvaluateAsync(
            chunk,
            (position, logits) => score = score.Add(NegativeLogProbability(logits, chunk[position + 1])),
            position => position >= chunk.Length / 2 && position < chunk.Length - 1,
            cancellationToken);
        return score;
    }

    private static double NegativeLogProbability(ReadOnlySpan<float> logits, int token) =>
        LogSoftmax.LogSumExp(logits, TensorPrimitives.Max(logits)) - logits[token];
}
