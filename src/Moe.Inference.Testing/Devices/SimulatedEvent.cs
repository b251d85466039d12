using Moe.Inference.Execution;

namespace Moe.Inference.Testing;

/// <summary>An event of a simulated device. A wait is for the recording that was the last when the wait was asked for.</summary>
internal sealed class SimulatedEvent : IDeviceEvent
{
    private volatile Recording? _last;

    /// <summary>The last recording that was asked for, or null if there was none.</summary>
    public Recording? Last => _last;

    /// <summary>Begins a new recording.</summary>
    public Recording Begin() => _last = new Recording();

    public void WaitOnHost() => _last?.Wait();

    public void Dispose()
    {
    }
}
