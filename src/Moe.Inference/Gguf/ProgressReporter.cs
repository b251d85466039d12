using System.Diagnostics;

namespace Moe.Inference.Gguf;

/// <summary>Adds up what several threads have done and reports it: the beginning at once, then at most about thirty times a second, one at a time.</summary>
internal sealed class ProgressReporter(IProgress<GgufReadProgress>? progress, long total)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(33);

    private readonly Lock _reporting = new();
    private long _done;
    private long? _lastReport;

    /// <summary>Counts bytes, and reports if the last report is old enough and no other thread is at it.</summary>
    public void Add(long bytes)
    {
        Interlocked.Add(ref _done, bytes);
        if (progress is null || !_reporting.TryEnter())
            return;
        try
        {
            if (_lastReport is { } last && Stopwatch.GetElapsedTime(last) < Interval)
                return;
            _lastReport = Stopwatch.GetTimestamp();
            progress.Report(new GgufReadProgress(Interlocked.Read(ref _done), total));
        }
        finally
        {
            _reporting.Exit();
        }
    }

    /// <summary>Reports the whole; to be called once, after all threads are done.</summary>
    public void Finish() => progress?.Report(new GgufReadProgress(total, total));
}
