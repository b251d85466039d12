using System.Diagnostics;
using Moe.Inference.Cpu;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Cpu.Threading;
using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>The packed copies of a model's tensors on the host, as a policy wants them; kernels find them at the tensors' buffers.</summary>
internal sealed class PackedCopies : IDisposable
{
    // Groups that a thread packs at a time.
    private const int PieceGroups = 8;

    private readonly Dictionary<string, PackedWeights> _copies = [];
    private readonly Repacking _policy;
    private TimeSpan? _madeIn;

    /// <summary>Makes all copies, or has them made by the first steps that want them.</summary>
    /// <param name="policy">What is wanted.</param>
    /// <param name="parts">The tensors, or the parts of them that are on the host.</param>
    /// <param name="store">Where they are; it must outlive the copies.</param>
    /// <param name="interleave">How memory is spread over nodes, or null.</param>
    /// <param name="cancellation">Stops between pieces.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such policy.</exception>
    /// <exception cref="OutOfDeviceMemoryException">They do not fit.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public PackedCopies(Repacking policy, IEnumerable<(Weight Part, PackedKernel Kernel)> parts, WeightStore store, MemoryInterleave? interleave, CancellationToken cancellation)
    {
        if (!Enum.IsDefined(policy))
            throw new ArgumentOutOfRangeException(nameof(policy), policy, "unknown way of repacking");
        _policy = policy;
        if (policy == Repacking.Off)
            return;
        try
        {
            Piece[] pieces = [.. parts.SelectMany(item => Reserve(item.Part, item.Kernel, store.HostTensor(item.Part.Name), interleave))];
            if (policy == Repacking.AtLoad)
                Make(pieces, cancellation);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What they have taken so far.</summary>
    public RepackingUse Use => new(_policy, _copies.Values.Sum(copy => copy.Bytes), _madeIn ?? _copies.Values.Aggregate(TimeSpan.Zero, (sum, copy) => sum + copy.Time));

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        foreach (PackedWeights copy in _copies.Values)
            copy.Dispose();
    }

    private IEnumerable<Piece> Reserve(Weight part, PackedKernel kernel, TensorView whole, MemoryInterleave? interleave)
    {
        if (!_copies.TryGetValue(part.Name, out PackedWeights? copy))
            _copies.Add(part.Name, copy = ((BorrowedBuffer)whole.Buffer).Packed = new PackedWeights(whole, kernel, interleave));
        int rows = part.RowsPerSlice * part.Slices, step = kernel.GroupRows * PieceGroups;
        for (int row = 0; row < rows; row += step)
            yield return new Piece(copy, (part.FirstSlice * part.SliceBytes) + (row * part.RowBytes), Math.Min(step, rows - row));
    }

    private unsafe void Make(Piece[] pieces, CancellationToken cancellation)
    {
        long start = Stopwatch.GetTimestamp();
        Parallel.ForEach(pieces, new ParallelOptions { CancellationToken = cancellation }, piece => piece.Copy.Rows(piece.Offset, piece.Rows));
        _madeIn = Stopwatch.GetElapsedTime(start);
    }

    private readonly record struct Piece(PackedWeights Copy, long Offset, int Rows);
}
