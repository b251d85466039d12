using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Threading;

/// <summary>
/// Lets a number of threads wait for each other, and agree on whether to stop. Spins for some microseconds, as the others are nearly done in most
/// cases, then offers its core to others again and again: on a busy machine one of them may be the thread that all wait for.
/// </summary>
internal sealed class SpinBarrier
{
    private const int Spins = 500;
    private PaddedCounter _arrived;
    private PaddedCounter _phase;
    private PaddedCounter _votes;
    private bool _verdict;

    /// <summary>Creates the barrier.</summary>
    /// <param name="participants">Threads that wait for each other.</param>
    public SpinBarrier(int participants) => Participants = participants;

    /// <summary>Threads that wait for each other; changed only while nobody waits.</summary>
    public int Participants { get; set; }

    /// <summary>Returns when all participants have called it.</summary>
    /// <param name="stop">This thread's vote.</param>
    /// <returns>Whether any participant voted to stop: the same for all, as the last to arrive counts the votes before anybody goes on.</returns>
    public bool Wait(bool stop = false)
    {
        int participants = Participants;
        if (participants == 1)
            return stop;
        if (stop)
            Volatile.Write(ref _votes.Value, 1);
        int phase = Volatile.Read(ref _phase.Value);
        if (Interlocked.Increment(ref _arrived.Value) == participants)
        {
            bool verdict = Volatile.Read(ref _votes.Value) != 0;
            _verdict = verdict;
            _votes.Value = 0;
            _arrived.Value = 0;
            Volatile.Write(ref _phase.Value, phase + 1);
            return verdict;
        }

        for (int round = 0; Volatile.Read(ref _phase.Value) == phase; round++)
        {
            if (round >= Spins)
                Thread.Yield();
            else if (X86Base.IsSupported)
                X86Base.Pause();
            else
                Thread.SpinWait(1);
        }

        return _verdict;
    }
}
