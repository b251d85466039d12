using System.Diagnostics;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu;

/// <summary>
/// A copy of a tensor on the host in packed form, beside the tensor: made at once, or group by group when steps first want them. Safe to use from many
/// threads: whoever finds a group missing packs it, and two that do so at once write the same bytes.
/// </summary>
internal sealed unsafe class PackedWeights : IDisposable
{
    private readonly TensorView _source;
    private readonly HostBuffer _memory;
    private readonly long _groupBytes;
    private readonly byte[] _packed;
    private long _groups;
    private long _ticks;

    /// <summary>Reserves memory; it is used only as far as groups are packed.</summary>
    /// <param name="source">The tensor, which must outlive the copy.</param>
    /// <param name="kernel">The kernel for its packed form; its groups divide every matrix of the tensor.</param>
    /// <param name="interleave">How memory is spread over nodes, or null.</param>
    /// <exception cref="OutOfDeviceMemoryException">It does not fit.</exception>
    public PackedWeights(TensorView source, PackedKernel kernel, MemoryInterleave? interleave)
    {
        (_source, Kernel) = (source, kernel);
        _groupBytes = source.RowBytes * kernel.GroupRows;
        _packed = new byte[source.Rows / kernel.GroupRows];
        _memory = new HostBuffer(source.ByteLength, "packed weights", interleave);
    }

    /// <summary>The kernel for packed rows.</summary>
    public PackedKernel Kernel { get; }

    /// <summary>Bytes packed so far.</summary>
    public long Bytes => Volatile.Read(ref _groups) * _groupBytes;

    /// <summary>Time of threads that packing has taken so far.</summary>
    public TimeSpan Time => Stopwatch.GetElapsedTime(0, Volatile.Read(ref _ticks));

    /// <summary>The kernel for matrices of a type in packed form, or null where they stay as they are.</summary>
    /// <param name="type">Their element type.</param>
    /// <param name="rows">Rows of a matrix.</param>
    public static PackedKernel? KernelFor(ElementType type, int rows) =>
        WeightKernels.For(type).Packed is { } kernel && rows % kernel.GroupRows == 0 ? kernel : null;

    /// <summary>The packed copy of a tensor, or null if it has none or the kernel cannot use it.</summary>
    /// <param name="view">The tensor, or a part of it.</param>
    /// <param name="kernel">The kernel for it as it is.</param>
    public static PackedWeights? Of(TensorView view, WeightKernel kernel) => kernel.Packed is null ? null : (view.Buffer as BorrowedBuffer)?.Packed;

    /// <summary>Where packed rows are; packs what is missing.</summary>
    /// <param name="offset">Bytes from the beginning of the tensor to the first row, which begins a group.</param>
    /// <param name="rows">Rows, whole groups.</param>
    public byte* Rows(long offset, int rows)
    {
        long first = offset / _groupBytes;
        for (long group = first; group < first + (rows / Kernel.GroupRows); group++)
        {
            if (Volatile.Read(ref _packed[group]) == 0)
                Pack(group);
        }

        return (byte*)_memory.Address + offset;
    }

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => _memory.Dispose();

    private void Pack(long group)
    {
        long start = Stopwatch.GetTimestamp();
        Kernel.Pack((byte*)_source.Address + (group * _groupBytes), _source.RowBytes, (byte*)_memory.Address + (group * _groupBytes));
        Interlocked.Add(ref _ticks, Stopwatch.GetTimestamp() - start);
        if (Interlocked.Exchange(ref _packed[group], 1) == 0)
            Interlocked.Increment(ref _groups);
    }
}
