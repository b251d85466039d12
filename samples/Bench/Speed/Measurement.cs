namespace Moe.Inference.Bench.Speed;

/// <summary>Something that can be done again and again, each time for as many tokens and from the same state.</summary>
internal abstract class Measurement(int tokens) : IDisposable
{
    /// <summary>Tokens of one run, of all conversations together.</summary>
    public int Tokens => tokens;

    /// <summary>Does it once.</summary>
    /// <returns>How long it took.</returns>
    public abstract Task<TimeSpan> RunAsync(CancellationToken cancellationToken);

    /// <summary>Does it several times, after once that warms up.</summary>
    public async Task<SpeedFigures> RepeatAsync(int runs, CancellationToken cancellationToken)
    {
        await RunAsync(cancellationToken);
        double[] speeds = new double[runs];
        for (int i = 0; i < runs; i++)
            speeds[i] = tokens / (await RunAsync(cancellationToken)).TotalSeconds;
        return new SpeedFigures(tokens, speeds);
    }

    /// <inheritdoc/>
    public abstract void Dispose();
}
