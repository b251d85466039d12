using System.Runtime.ExceptionServices;
using Moe.Inference.Execution;

namespace Moe.Inference.Cuda.Memory;

/// <summary>
/// Sends much to a device: several threads read chunks into pinned memory of their own, each with a stream of its own, so that reading, which
/// one thread does more slowly than the link takes it, and sending go on at the same time, over the borders of uploads.
/// </summary>
internal static class UploadPipeline
{
    private const int ChunkBytes = 4 << 20;
    private const int ChunksOfLane = 2;

    // More do not read faster, and each holds two chunks of pinned memory.
    private const int MostLanes = 16;

    /// <summary>Sends and waits.</summary>
    /// <param name="device">The device.</param>
    /// <param name="uploads">What goes where.</param>
    /// <param name="progress">Told how many bytes were sent, by one thread at a time.</param>
    /// <param name="cancellation">Stops between chunks.</param>
    public static void Run(CudaDevice device, IReadOnlyList<DeviceUpload> uploads, Action<long> progress, CancellationToken cancellation)
    {
        UploadChunks chunks = new(uploads, ChunkBytes, progress);
        int lanes = Math.Clamp(Environment.ProcessorCount, 1, MostLanes);
        ExceptionDispatchInfo? failure = null;
        Parallel.For(0, lanes, new ParallelOptions { MaxDegreeOfParallelism = lanes }, _ =>
        {
            try
            {
                Send(device, chunks, () => Volatile.Read(ref failure) is not null || cancellation.IsCancellationRequested);
            }
#pragma warning disable CA1031 // The first failure of any thread is the one to tell.
            catch (Exception problem)
#pragma warning restore CA1031
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(problem), null);
            }
        });
        failure?.Throw();
        cancellation.ThrowIfCancellationRequested();
    }

    private static void Send(CudaDevice device, UploadChunks chunks, Func<bool> stops)
    {
        device.MakeCurrent();
        long sent = 0;
        CopyLane? lane = null;
        try
        {
            while (!stops() && chunks.TryTake(sent, out UploadChunk chunk))
            {
                lane ??= new CopyLane(device, ChunkBytes, ChunksOfLane);
                lane.Up(chunk);
                sent = chunk.Bytes;
            }

            lane?.Finish();
        }
        finally
        {
            lane?.Dispose();
        }
    }
}
