using System.Runtime.ExceptionServices;

namespace Moe.Inference.Gguf;

/// <summary>
/// Reads tensors to their places in memory. Several threads take the next chunk in turn, so that the file is read almost from front to
/// back, with a few reads in flight.
/// </summary>
internal sealed unsafe class ContentReader(
    GgufPart[] parts, nint[][] addresses, ProgressReporter progress, CancellationToken cancellationToken)
{
    // Small enough that a slow disk (20 MB/s) delivers one within the 50 ms in which cancellation should take effect.
    private const int ChunkBytes = 1 << 20;

    // More reads in flight do not make a disk or the page cache faster.
    private const int MaxThreads = 8;

    private readonly Lock _taking = new();
    private ExceptionDispatchInfo? _failure;
    private int _part;
    private int _tensor;
    private long _done;

    /// <summary>Reads everything; returns or throws when all threads have ended.</summary>
    public void Run()
    {
        int threads = Math.Min(Environment.ProcessorCount, MaxThreads);
        Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, _ => ReadChunks());
        _failure?.Throw();
        cancellationToken.ThrowIfCancellationRequested();
        progress.Finish();
    }

    private void ReadChunks()
    {
        try
        {
            while (_failure is null && !cancellationToken.IsCancellationRequested && TryTake(out Chunk chunk))
            {
                chunk.Part.Read(chunk.Offset, new Span<byte>((byte*)chunk.Address, chunk.Bytes));
                progress.Add(chunk.Bytes);
            }
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, ExceptionDispatchInfo.Capture(e), null);
        }
    }

    private bool TryTake(out Chunk chunk)
    {
        lock (_taking)
        {
            while (_part < parts.Length && _tensor == addresses[_part].Length)
            {
                _part++;
                _tensor = 0;
            }
            if (_part == parts.Length)
            {
                chunk = default;
                return false;
            }
            GgufTensor tensor = parts[_part].Header.Tensors[_tensor];
            int bytes = (int)Math.Min(ChunkBytes, tensor.ByteLength - _done);
            chunk = new Chunk(parts[_part], tensor.Offset + _done, addresses[_part][_tensor] + (nint)_done, bytes);
            _done += bytes;
            if (_done == tensor.ByteLength)
            {
                _done = 0;
                _tensor++;
            }
            return true;
        }
    }

    private readonly record struct Chunk(GgufPart Part, long Offset, nint Address, int Bytes);
}
