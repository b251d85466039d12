using System.Diagnostics;
using Moe.Inference.Graph;
using Moe.Inference.Planning;

namespace Moe.Inference.Execution;

/// <summary>
/// Times every step of a plan by itself: each runs several times over before the next, on the operands it has then. Steps are not grouped
/// meanwhile, so that a whole run takes longer than the sum of its steps.
/// </summary>
/// <param name="repeats">How often a step runs for one measurement.</param>
internal sealed class StepTimer(int repeats)
{
    // A queue that keeps what it has seen before, as graphs of launches, has seen it by the last round.
    private const int Rounds = 3;

    private readonly List<StepTime> _times = [];

    /// <summary>Whether runs are timed; if not, they only run.</summary>
    public bool IsOn { get; set; }

    /// <summary>What was measured since <see cref="IsOn"/> was set, in order.</summary>
    public IReadOnlyList<StepTime> Times => _times;

    /// <summary>An action that runs one step and times it.</summary>
    public IRunnerAction Wrap(PlannedStep step, IRunnerAction action, IBackend backend) => new Timed(this, step, action, backend);

    private void Run(PlannedStep step, IRunnerAction action, IBackend backend, RunSize size, CancellationToken cancellation)
    {
        if (!IsOn)
        {
            action.Run(size, cancellation);
            return;
        }

        TimeSpan time = default;
        for (int round = 0; round < Rounds; round++)
        {
            backend.Synchronize();
            long start = Stopwatch.GetTimestamp();
            for (int i = 0; i < repeats; i++)
                action.Run(size, cancellation);
            backend.Synchronize();
            time = Stopwatch.GetElapsedTime(start) / repeats;
        }

        _times.Add(new StepTime(step, size, time));
    }

    private sealed class Timed(StepTimer timer, PlannedStep step, IRunnerAction action, IBackend backend) : IRunnerAction
    {
        public void Run(RunSize size, CancellationToken cancellation) => timer.Run(step, action, backend, size, cancellation);
    }
}

/// <summary>How long a step took.</summary>
/// <param name="Step">The step.</param>
/// <param name="Size">The run's size.</param>
/// <param name="Time">The time of one execution.</param>
internal readonly record struct StepTime(PlannedStep Step, RunSize Size, TimeSpan Time);
