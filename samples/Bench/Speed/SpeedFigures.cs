namespace Moe.Inference.Bench.Speed;

/// <summary>Speeds of several runs in tokens per second.</summary>
/// <param name="Tokens">Tokens of one run, of all conversations together.</param>
/// <param name="Runs">The speed of each run, in order.</param>
internal sealed record SpeedFigures(int Tokens, IReadOnlyList<double> Runs)
{
    public double Median
    {
        get
        {
            double[] sorted = [.. Runs.Order()];
            return (sorted[sorted.Length / 2] + sorted[(sorted.Length - 1) / 2]) / 2;
        }
    }

    public double Slowest => Runs.Min();

    public double Fastest => Runs.Max();
}
