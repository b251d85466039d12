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
        private readonly bool _rounds;
        private readonly StreamMemory _memory;
        private readonly KernelCode[] _codes;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            WeightFormat format = WeightFormat.Of(binding.Node.Weights[0]);
            _rounds = format.Rounds(binding.Options.Exact, binding.Weights[0].Width);
            _memory = new StreamMemory(format, binding.Weights[0].Width);
            _codes = [.. Enumerable.Range(1, MostTokens).Select(tokens => new KernelCode("matvec.cu", $"tokens{tokens}", $"{format.DefineFor(_rounds)} {StreamMemory.Defines}"))];
        }

        public override void Prepare(KernelLibrary library) => library.Prepare(_codes[0]);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int rows = _binding.Node.Inputs[0].Rows.Resolve(size);
            for (int start = 0; start < rows;)
            {
                int tokens = Math.Min(MostTokens, rows - start);
                if (_rounds)
                    tokens = _memory.Fitting(tokens, stream.Figures);
                stream.Launch(_codes[tokens - 1], Geometry(start, tokens, stream.Figures));
                start += tokens;
            }
        }

        private MatVecGeometry Geometry(int start, int tokens, DeviceFigures figures)
        {
            (TensorView weight, TensorView x, TensorView y) = (_binding.Weights[0], _binding.Inputs[0], _binding.Outputs[0]);
            int rows = checked((int)weight.Rows), split = 0;
            RowCut cut = _rounds ? RowCut.Streaming(rows, StreamMemory.RowsPerItem, 1, _memory.BlocksAtOnce(tokens, figures), figures) : RowCut.Splitting(rows, weight.Width, out split);
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
                _rounds ? _memory.Bytes(cut.Warps, tokens) : 0);
        }
    }
}
