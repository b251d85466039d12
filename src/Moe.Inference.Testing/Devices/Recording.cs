using System.Runtime.ExceptionServices;

namespace Moe.Inference.Testing;

/// <summary>One happening that threads can wait for, and how it went.</summary>
internal sealed class Recording
{
    private readonly TaskCompletionSource<Exception?> _happened = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Says that it has happened.</summary>
    /// <param name="failure">What went wrong before it, or null.</param>
    public void Complete(Exception? failure) => _happened.SetResult(failure);

    /// <summary>Waits for it, and throws what went wrong before it.</summary>
    public void Wait()
    {
        if (_happened.Task.GetAwaiter().GetResult() is { } failure)
            ExceptionDispatchInfo.Throw(failure);
    }
}
