using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Launches of products with chosen experts' matrices; entries of one expert share what is read of its matrix.</summary>
internal sealed class ExpertRows
{
    // Leaves room for the blocks of what follows, which then have their first weights when this one's results come.
    private const int BlocksOfOneToken = 2;

    private readonly Weight _weight;
    private readonly bool _gated;
    private readonly bool _rounds;
    private readonly KernelCode _code;
    private readonly StreamMemory _memory;

    /// <summary>Of one matrix an expert.</summary>
    /// <param name="weight">The matrices.</param>
    /// <param name="exact">Whether activations may not be rounded.</param>
    public ExpertRows(Weight weight, bool exact)
        : this(weight, exact, gated: false, ActivationKind.Silu)
    {
    }

    /// <summary>Of gate and up, whose matrices are alike.</summary>
    /// <param name="gate">The matrices of gate.</param>
    /// <param name="exact">Whether activations may not be rounded.</param>
    /// <param name="activation">The function between them.</param>
    public ExpertRows(Weight gate, bool exact, ActivationKind activation)
        : this(gate, exact, gated: true, activation)
    {
    }

    private ExpertRows(Weight weight, bool exact, bool gated, ActivationKind activation)
    {
        WeightFormat format = WeightFormat.Of(weight);
        (_weight, _gated, _rounds) = (weight, gated, format.Rounds(exact, weight.Width));
        _memory = new StreamMemory(format, weight.Width);
        _code = new KernelCode("expert_rows.cu", gated ? "gated" : "single", $"{format.DefineFor(_rounds)} {_memory.Defines} TOGETHER={ExpertRowsGeometry.MostTogether} ACTIVATION={FunctionOf(activation)}");
    }

    /// <summary>Begins to compile.</summary>
    public void Prepare(KernelLibrary library) => library.Prepare(_code);

    /// <summary>Multiplies.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="x">The rows of activations.</param>
    /// <param name="perSource">Entries that share a row of activations.</param>
    /// <param name="ids">The expert of each entry.</param>
    /// <param name="tokens">Tokens, none of which has an expert twice.</param>
    /// <param name="entries">Entries.</param>
    /// <param name="firstExpert">The expert that the first matrix belongs to.</param>
    /// <param name="weights">The matrices.</param>
    /// <param name="up">The second matrices, where there are any.</param>
    /// <param name="y">Receives a row for each entry.</param>
    /// <param name="followsGateAndUp">Whether the launch before is that of gate and up with the same ids.</param>
    public void Launch(
        CudaStream stream, DevicePointer<float> x, int perSource, TensorView ids, int tokens, int entries, int firstExpert, TensorView weights, TensorView? up, DevicePointer<float> y, bool followsGateAndUp = false)
    {
        if (entries == 0)
            return;
        int rows = _weight.RowsPerSlice, split = 0, together = _rounds ? _memory.Fitting(Math.Min(ExpertRowsGeometry.MostTogether, tokens), stream.Figures) : 1;
        RowCut cut = _rounds
            ? RowCut.Streaming(rows, _gated ? 1 : StreamMemory.RowsPerItem, LikelyMatrices(entries), tokens == 1 ? BlocksOfOneToken : _memory.BlocksAtOnce(together, stream.Figures), stream.Figures)
            : RowCut.Splitting(rows, _weight.Width, out split);
        stream.Launch(_code, new ExpertRowsGeometry(
            x,
            DevicePointer<int>.Of(ids),
            DevicePointer<byte>.Of(weights),
            up is { } second ? DevicePointer<byte>.Of(second) : default,
            y,
            _weight.SliceBytes,
            _weight.RowBytes,
            _weight.Width,
            rows,
            _weight.Slices,
            firstExpert,
            entries,
            perSource,
            together,
            followsGateAndUp ? 1 : 0,
            cut.PerBlock,
            cut.Blocks,
            cut.Warps,
            split,
            _rounds ? _memory.Bytes(cut.Warps, together) : 0));
    }

    // Different ones among so many, each as likely as another.
    private int LikelyMatrices(int entries) => Math.Clamp((int)Math.Round(_weight.Slices * (1 - Math.Pow(1 - (1.0 / _weight.Slices), entries))), 1, entries);

    private static string FunctionOf(ActivationKind kind) => kind switch
    {
        ActivationKind.Silu => "silu_of",
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation"),
    };
}
