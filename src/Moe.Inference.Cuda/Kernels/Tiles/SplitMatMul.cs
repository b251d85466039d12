using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of one matrix with many tokens in float32: plain weights, and blocks where activations are not to be rounded.</summary>
internal sealed class SplitMatMul : IProductPath
{
    private const int FewestTokens = 9;

    // Matrices of so few rows, such as a router's, make too few tiles to fill a device; their tokens are better taken eight at a time.
    private const int FewRows = 512;
    private const int FewestTokensOfFewRows = 97;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => !WeightFormat.Of(node.Weights[0]).Rounds(options.Exact, node.Weights[0].Width);

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => node.Weights[0].RowsPerSlice <= FewRows ? FewestTokensOfFewRows : FewestTokens;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private sealed class Step(KernelBinding binding) : CudaStep
    {
        private readonly WeightFormat _format = WeightFormat.Of(binding.Node.Weights[0]);

        private KernelCode Code => new("split_product.cu", "multiply_tokens", _format.Define);

        public override void Prepare(KernelLibrary library) => library.Prepare(Code);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            TensorView weight = binding.Weights[0];
            (int rows, int tokens) = (checked((int)weight.Rows), binding.Node.Inputs[0].Rows.Resolve(size));
            stream.Launch(Code, new SplitProductGeometry(
                DevicePointer<byte>.Of(weight),
                DevicePointer<float>.Of(binding.Inputs[0]),
                binding.Weights.Count > 1 ? DevicePointer<float>.Of(binding.Weights[1]) : default,
                DevicePointer<float>.Of(binding.Outputs[0]),
                weight.RowBytes,
                rows,
                weight.Width,
                tokens,
                SplitTile.Rows,
                SplitTile.Tokens,
                Cover.Blocks(rows, SplitTile.Rows),
                Cover.Blocks(tokens, SplitTile.Tokens),
                SplitTile.SharedBytes(_format)));
        }
    }
}
