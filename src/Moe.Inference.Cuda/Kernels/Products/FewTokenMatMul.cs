using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// Products of one matrix with few rows: up to eight rows of activations, which each block keeps in shared memory, while the matrix
/// streams by once. More rows are taken eight at a time.
/// </summary>
internal sealed class FewTokenMatMul : IProductPath
{
    private const int MostTokens = 8;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => true;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => 0;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private sealed class Step : CudaStep
    {
        private readonly KernelBinding _binding;
        private readonly WeightFormat _format;
        private readonly bool _rounds;
        private readonly KernelCode[] _codes;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _format = WeightFormat.Of(binding.Node.Weights[0]);
            _rounds = _format.Rounds(binding.Options.Exact, binding.Weights[0].Width);
            _codes = [.. Enumerable.Range(1, MostTokens).Select(tokens => new KernelCode("matvec.cu", $"tokens{tokens}", $"{_format.DefineFor(_rounds)} {StreamMemory.Defines}"))];
        }

        public override void Prepare(KernelLibrary library) => library.Prepare(_codes[0]);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int rows = _binding.Node.Inputs[0].Rows.Resolve(size);
            for (int start = 0; start < rows;)
            {
                int tokens = _rounds ? Fitting(Math.Min(MostTokens, rows - start), stream.Figures) : Math.Min(MostTokens, rows - start);
                stream.Launch(_codes[tokens - 1], Geometry(start, tokens, stream.Figures));
                start += tokens;
            }
        }

        private MatVecGeometry Geometry(int start, int tokens, DeviceFigures figures)
        {
            (TensorView weight, TensorView x, TensorView y) = (_binding.Weights[0], _binding.Inputs[0], _binding.Outputs[0]);
            int rows = checked((int)weight.Rows), split = 0;
            RowCut cut = _rounds ? RowCut.Streaming(rows, Group(tokens), 1, figures) : RowCut.Splitting(rows, weight.Width, out split);
            return new MatVecGeometry(
                DevicePointer<float>.Of(x).Plus(start * x.RowBytes),
                DevicePointer<byte>.Of(weight),
                _binding.Weights.Count > 1 ? DevicePointer<float>.Of(_binding.Weights[1]) : default,
                DevicePointer<float>.Of(y).Plus(start * y.RowBytes),
                weight.RowBytes,
                weight.Width,
                rows,
                cut.PerBlock,
                cut.Blocks,
                cut.Warps,
                split,
                _rounds ? Memory(tokens).Bytes(cut.Warps, tokens) : 0);
        }

        private int Fitting(int tokens, DeviceFigures figures)
        {
            while (tokens > 1 && Memory(tokens).Bytes(RowCut.MostWarps, tokens) > figures.SharedBytes)
                tokens--;
            return tokens;
        }

        private StreamMemory Memory(int tokens) => new(_format, _binding.Weights[0].Width, Group(tokens));

        // As in the kernel: with several tokens, what is read of them serves two rows.
        private static int Group(int tokens) => tokens == 1 ? 1 : 2;
    }
}
