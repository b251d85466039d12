using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// Products of one matrix, or of several of one format, with few rows: up to eight rows of activations, which each block keeps in shared
/// memory, while the matrices stream by once. More rows are taken eight at a time.
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
        private readonly TensorView[] _matrices;
        private readonly DevicePointer<float> _bias;
        private readonly bool _rounds;
        private readonly StreamMemory _memory;
        private readonly KernelCode[] _codes;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _matrices = [.. binding.Weights.Take(binding.Outputs.Count)];
            _bias = binding.Weights.Count > _matrices.Length ? DevicePointer<float>.Of(binding.Weights[^1]) : default;
            WeightFormat format = WeightFormat.Of(binding.Node.Weights[0]);
            _rounds = format.Rounds(binding.Options.Exact, Width);
            _memory = new StreamMemory(format, Width);
            _codes = [.. Enumerable.Range(1, MostTokens).Select(tokens => new KernelCode("matvec.cu", $"tokens{tokens}", $"{format.DefineFor(_rounds)} {_memory.Defines}"))];
        }

        private int Width => _matrices[0].Width;

        public override void Prepare(KernelLibrary library) => library.Prepare(_codes[0]);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int rows = _binding.Node.Inputs[0].Rows.Resolve(size);
            for (int start = 0; start < rows;)
            {
                int tokens = Math.Min(MostTokens, rows - start), groups = 1;
                // Rounded activations are kept while the matrix streams by; of floats, groups of tokens go side by side.
                if (_rounds)
                    tokens = _memory.Fitting(tokens, stream.Figures);
                else
                    groups = (rows - start) / tokens;
                stream.Launch(_codes[tokens - 1], Geometry(start, tokens, groups, stream.Figures));
                start += tokens * groups;
            }
        }

        private MatVecGeometry Geometry(int start, int tokens, int groups, DeviceFigures figures)
        {
            int all = checked((int)_matrices.Sum(matrix => matrix.Rows)), split = 0;
            RowCut cut = _rounds ? RowCut.Streaming(all, StreamMemory.RowsPerItem, 1, _memory.BlocksAtOnce(tokens, figures), figures) : RowCut.Splitting(all, Width, out split);
            int first1 = BlocksOf(0, cut), first2 = first1 + BlocksOf(1, cut), first3 = first2 + BlocksOf(2, cut);
            return new MatVecGeometry(
                DevicePointer<float>.Of(_binding.Inputs[0]).Plus(start * _binding.Inputs[0].RowBytes),
                _bias,
                Weights(0),
                Weights(1),
                Weights(2),
                Weights(3),
                Results(0, start),
                Results(1, start),
                Results(2, start),
                Results(3, start),
                Rows(0),
                Rows(1),
                Rows(2),
                Rows(3),
                first1,
                first2,
                first3,
                first3 + BlocksOf(3, cut),
                _matrices[0].RowBytes,
                Width,
                cut.PerBlock,
                cut.Warps,
                split,
                groups,
                _rounds ? _memory.Bytes(cut.Warps, tokens) : 0);
        }

        private int Rows(int matrix) => matrix < _matrices.Length ? (int)_matrices[matrix].Rows : 0;

        private int BlocksOf(int matrix, RowCut cut) => Cover.Blocks(Rows(matrix), cut.PerBlock);

        private DevicePointer<byte> Weights(int matrix) => matrix < _matrices.Length ? DevicePointer<byte>.Of(_matrices[matrix]) : default;

        private DevicePointer<float> Results(int matrix, int start) =>
            matrix < _matrices.Length ? DevicePointer<float>.Of(_binding.Outputs[matrix]).Plus(start * _binding.Outputs[matrix].RowBytes) : default;
    }
}
