using Moe.Inference.Bench.Speed;

namespace Moe.Inference.Bench.Comparison;

/// <summary>One measure, taken of both in turn.</summary>
/// <param name="Measure">Its name.</param>
/// <param name="Ours">Our speeds, in tokens per second.</param>
/// <param name="Peer">The peer's speeds; the n-th was measured right after our n-th.</param>
internal sealed record ComparedFigures(string Measure, SpeedFigures Ours, SpeedFigures Peer)
{
    // Threads that wait for work spin for a while, and would take part of the other's first moments.
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(500);

    /// <summary>Our speed in terms of the peer's, round by round.</summary>
    public SpeedFigures Ratios { get; } = new(Ours.Tokens, [.. Ours.Runs.Zip(Peer.Runs, (ours, peer) => ours / peer)]);

    /// <summary>Measures both in turn, after one round that warms up.</summary>
    public static async Task<ComparedFigures> MeasureAsync(
        string measure, Measurement ours, Func<CancellationToken, Task<TimeSpan>> peer, int rounds, CancellationToken cancellationToken)
    {
        List<double> our = [], their = [];
        for (int round = 0; round <= rounds; round++)
        {
            await Task.Delay(Rest, cancellationToken);
            double ourSpeed = ours.Tokens / (await ours.RunAsync(cancellationToken)).TotalSeconds;
            await Task.Delay(Rest, cancellationToken);
            double theirSpeed = ours.Tokens / (await peer(cancellationToken)).TotalSeconds;
            if (round == 0)
                continue;
            our.Add(ourSpeed);
            their.Add(theirSpeed);
        }

        return new ComparedFigures(measure, new SpeedFigures(ours.Tokens, our), new SpeedFigures(ours.Tokens, their));
    }
}
