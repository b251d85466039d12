namespace ChatSample;

/// <summary>
/// Ctrl-C in an interactive chat: while the program works it stops the work; at the prompt the second one in a row leaves. Where a program
/// rather than a person is at the other end, Ctrl-C ends the process as usual.
/// </summary>
internal sealed class Interrupts : IDisposable
{
    private readonly bool _enabled;
    private readonly TaskCompletionSource _leave = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private CancellationTokenSource? _work;
    private bool _armed;

    public Interrupts(bool enabled)
    {
        _enabled = enabled;
        if (enabled)
            Console.CancelKeyPress += OnCancelKey;
    }

    /// <summary>Told when Ctrl-C was pressed at the prompt for the first time.</summary>
    public event Action? Warned;

    /// <summary>Completes when the user wants to leave.</summary>
    public Task Leave => _leave.Task;

    /// <summary>Whether the last thing the user did was to press Ctrl-C.</summary>
    public bool IsArmed
    {
        get
        {
            lock (_lock)
                return _armed;
        }
    }

    /// <summary>Begins work that Ctrl-C stops.</summary>
    public Work Begin()
    {
        Work work = new(this);
        lock (_lock)
            _work = work.Source;
        return work;
    }

    /// <summary>The user entered something: Ctrl-C starts counting again.</summary>
    public void Reset()
    {
        lock (_lock)
            _armed = false;
    }

    public void Dispose()
    {
        if (_enabled)
            Console.CancelKeyPress -= OnCancelKey;
    }

    private void OnCancelKey(object? sender, ConsoleCancelEventArgs e)
    {
        e.Cancel = true;
        lock (_lock)
        {
            bool second = _armed;
            _armed = true;
            if (_work is not null)
                _work.Cancel();
            else if (second)
                _leave.TrySetResult();
            else
                Warned?.Invoke();
        }
    }

    /// <summary>Work that Ctrl-C stops, until it is disposed.</summary>
    internal sealed class Work(Interrupts owner) : IDisposable
    {
        public CancellationTokenSource Source { get; } = new();

        public CancellationToken Token => Source.Token;

        public void Dispose()
        {
            lock (owner._lock)
                owner._work = null;
            Source.Dispose();
        }
    }
}
