namespace Moe.Inference.Testing;

/// <summary>Counts items down to those that were told to fail. Thread-safe.</summary>
internal sealed class FailureSchedule
{
    private readonly Lock _lock = new();
    private readonly Dictionary<SimulatedFailure, int> _left = [];

    /// <summary>Plans a failure, in place of one of the same kind that has not happened yet.</summary>
    /// <param name="failure">What fails.</param>
    /// <param name="after">Items that still succeed.</param>
    public void Plan(SimulatedFailure failure, int after)
    {
        lock (_lock)
            _left[failure] = after;
    }

    /// <summary>Counts one item; true if it is the one to fail.</summary>
    public bool Strikes(SimulatedFailure failure)
    {
        lock (_lock)
        {
            if (!_left.TryGetValue(failure, out int left))
                return false;
            if (left > 0)
                _left[failure] = left - 1;
            else
                _left.Remove(failure);
            return left == 0;
        }
    }
}
