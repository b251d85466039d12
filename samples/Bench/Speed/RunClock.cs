using System.Diagnostics.Metrics;

namespace Moe.Inference.Bench.Speed;

/// <summary>Adds up how long the engine's runs take, by its own meter: what is left of a token's time goes into sampling and delivery.</summary>
internal sealed class RunClock : IDisposable
{
    private readonly MeterListener _listener = new();
    private double _seconds;
    private long _runs;

    public RunClock()
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument is { Meter.Name: "Moe.Inference", Name: "moe.engine.batch.duration" })
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<double>((_, seconds, _, _) =>
        {
            _seconds += seconds;
            _runs++;
        });
        _listener.Start();
    }

    /// <summary>The mean time of a run so far, in milliseconds, and starts afresh.</summary>
    public double TakeMean()
    {
        double mean = _runs == 0 ? 0 : 1000 * _seconds / _runs;
        (_seconds, _runs) = (0, 0);
        return mean;
    }

    public void Dispose() => _listener.Dispose();
}
