using System.Runtime.ExceptionServices;
using Moe.Inference.Execution;

namespace Moe.Inference;

/// <summary>Uploads to several devices at once: each has a link of its own.</summary>
internal sealed class UploadSet : IDisposable
{
    private readonly List<IBackend> _backends = [];
    private readonly List<(IBackend Backend, DeviceUpload[] Uploads)> _uploads = [];
    private readonly Lock _telling = new();
    private ExceptionDispatchInfo? _failure;

    /// <summary>Opens a device until the set is disposed.</summary>
    public IBackend Open(IDeviceProvider provider)
    {
        IBackend backend = provider.Open();
        _backends.Add(backend);
        return backend;
    }

    /// <summary>Adds what goes to a device.</summary>
    public void Add(IBackend backend, DeviceUpload[] uploads) => _uploads.Add((backend, uploads));

    /// <summary>Uploads all and waits. The first failure stops the others.</summary>
    /// <param name="progress">Told how many bytes were sent now, by one thread at a time.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    public void Run(Action<long> progress, CancellationToken cancellation)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Parallel.ForEach(_uploads, new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, _uploads.Count) }, device =>
        {
            try
            {
                device.Backend.Upload(device.Uploads, Tell, stop.Token);
            }
#pragma warning disable CA1031 // The first failure of any device is the one to tell.
            catch (Exception problem)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(problem), null);
                stop.Cancel();
            }
        });
        cancellation.ThrowIfCancellationRequested();
        _failure?.Throw();

        void Tell(long bytes)
        {
            lock (_telling)
                progress(bytes);
        }
    }

    /// <summary>Closes the devices.</summary>
    public void Dispose()
    {
        foreach (IBackend backend in _backends)
            backend.Dispose();
    }
}
