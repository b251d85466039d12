using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Threading;

/// <summary>
/// Lets a fixed number of threads wait for each other, and agree on whether to stop. Spins briefly, then yields its core, so that a busy
/// machine slows down gently.
/// </summary>
internal sealed class SpinBarrier
{
    private const int ShortSpins = 2000;
    private const int SpinRounds = ShortSpins + 200;
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
            if (round < ShortSpins && X86Base.IsSupported)
                X86Base.Pause();
            else if (round < SpinRounds)
                Thread.SpinWait(8);
            else
                Thread.Yield();
        }

        return _verdict;
    }
}
