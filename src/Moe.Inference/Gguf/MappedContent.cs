using System.Collections.Concurrent;
using System.IO.MemoryMappedFiles;

namespace Moe.Inference.Gguf;

/// <summary>Tensors where they lie in memory-mapped files, one mapping per part that has any.</summary>
internal sealed unsafe class MappedContent : GgufContent
{
    // Progress and cancellation, while pages are touched.
    private const long ChunkBytes = 1 << 20;

    // What reading takes, too.
    private const int MaxThreads = 8;

    private readonly GgufPart[] _parts;
    private readonly List<MemoryMappedViewAccessor> _views = [];

    private MappedContent(GgufPart[] parts)
        : base(parts) => _parts = parts;

    public static MappedContent Create(
        GgufFile file, GgufPrefetch prefetch, Func<GgufTensor, bool> prefetched, IProgress<GgufReadProgress>? progress, CancellationToken cancellationToken)
    {
        GgufPart[] parts = file.OpenParts;
        cancellationToken.ThrowIfCancellationRequested();
        MappedContent content = new(parts);
        try
        {
            nint[][] addresses = [.. parts.Select(content.MapPart)];
            if (prefetch != GgufPrefetch.None)
                Prefetch(parts, addresses, prefetch, prefetched, progress, cancellationToken);
            content.SetAddresses(addresses);
            return content;
        }
        catch
        {
            content.Dispose();
            throw;
        }
    }

    // Reading by the file's handle spares the faults of pages that nobody else will look at.
    internal override void CopyTo(GgufTensor tensor, long offset, Span<byte> destination) => _parts[tensor.Part].Read(tensor.Offset + offset, destination);

    private protected override void Release()
    {
        foreach (MemoryMappedViewAccessor view in _views)
        {
            view.SafeMemoryMappedViewHandle.ReleasePointer();
            view.Dispose();
        }
    }

    private nint[] MapPart(GgufPart part)
    {
        GgufTensor[] tensors = part.Header.Tensors;
        if (tensors.Length == 0)
            return [];
        part.CheckLength();
        using MemoryMappedFile mapping = MemoryMappedFile.CreateFromFile(
            part.Handle, mapName: null, capacity: 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = mapping.CreateViewAccessor(0, part.Length, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _views.Add(view);
        start += view.PointerOffset;
        return Array.ConvertAll(tensors, tensor => (nint)start + (nint)tensor.Offset);
    }

    private static void Prefetch(
        GgufPart[] parts, nint[][] addresses, GgufPrefetch prefetch, Func<GgufTensor, bool> prefetched, IProgress<GgufReadProgress>? progress, CancellationToken cancellationToken)
    {
        (nint Address, long Bytes)[] ranges =
            [.. parts.SelectMany((part, i) => part.Header.Tensors.Select((tensor, j) => (Tensor: tensor, Address: addresses[i][j])))
                .Where(place => prefetched(place.Tensor)).Select(place => (place.Address, place.Tensor.ByteLength))];
        foreach ((nint address, long bytes) in ranges)
            MemoryAdvice.Advise(address, (nuint)bytes, MemoryAdvice.WillNeed);
        if (prefetch != GgufPrefetch.Load)
            return;
        ProgressReporter reporter = new(progress, ranges.Sum(range => range.Bytes));
        ParallelOptions several = new() { MaxDegreeOfParallelism = Math.Min(Environment.ProcessorCount, MaxThreads), CancellationToken = cancellationToken };
        Parallel.ForEach(Partitioner.Create(ranges.SelectMany(Chunks), EnumerablePartitionerOptions.NoBuffering), several, chunk =>
        {
            Touch((byte*)chunk.Address, chunk.Bytes);
            reporter.Add(chunk.Bytes);
        });
        reporter.Finish();
    }

    private static IEnumerable<(nint Address, long Bytes)> Chunks((nint Address, long Bytes) range)
    {
        for (long done = 0; done < range.Bytes; done += ChunkBytes)
            yield return (range.Address + (nint)done, Math.Min(ChunkBytes, range.Bytes - done));
    }

    private static void Touch(byte* start, long bytes)
    {
        for (long i = 0; i < bytes; i += Environment.SystemPageSize)
            Volatile.Read(ref start[i]);
        Volatile.Read(ref start[bytes - 1]);
    }
}
