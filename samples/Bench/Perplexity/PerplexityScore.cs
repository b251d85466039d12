namespace Moe.Inference.Bench.Perplexity;

/// <summary>Sums over scored predictions of −ln p of the token that came.</summary>
/// <param name="Predictions">How many were scored.</param>
/// <param name="Sum">Of −ln p.</param>
/// <param name="SquareSum">Of (ln p)².</param>
internal readonly record struct PerplexityScore(int Predictions, double Sum, double SquareSum)
{
    /// <summary>e to the mean of −ln p.</summary>
    public double Perplexity => Math.Exp(Mean);

    /// <summary>Of <see cref="Perplexity"/>: that of the mean, times the derivative of the exponential.</summary>
    public double StandardError => Predictions < 2 ? double.NaN : Math.Sqrt(Math.Max(0, (SquareSum / Predictions) - (Mean * Mean)) / (Predictions - 1)) * Perplexity;

    private double Mean => Sum / Predictions;

    /// <summary>With one more prediction.</summary>
    public PerplexityScore Add(double negativeLogProbability) =>
        new(Predictions + 1, Sum + negativeLogProbability, SquareSum + (negativeLogProbability * negativeLogProbability));
}
