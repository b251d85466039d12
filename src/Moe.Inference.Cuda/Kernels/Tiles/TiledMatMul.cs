using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of one matrix in blocks with many tokens, on integer tensor cores.</summary>
/// <param name="largest">The largest tiles always, rather than as many as keep the device busy.</param>
internal sealed class TiledMatMul(bool largest = false) : IProductPath
{
    private const int FewestTokens = 9;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => WeightFormat.Of(node.Weights[0]).Rounds(options.Exact, node.Weights[0].Width);

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => FewestTokens;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => Quantized(node, size).Bytes;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding, largest);

    private static QuantizedRows Quantized(GraphNode node, RunSize size) =>
        new(WeightFormat.Of(node.Weights[0]), node.Inputs[0].Width, node.Inputs[0].Rows.Resolve(size));

    private sealed class Step(KernelBinding binding, bool largest) : CudaStep
    {
        private static readonly ProductTile Large = new(4, 64), Wide = new(1, 32), Small = new(1, 16);

        private readonly WeightFormat _format = WeightFormat.Of(binding.Node.Weights[0]);
        private readonly QuantizedRows _quantized = Quantized(binding.Node, binding.Limits);

        public override void Prepare(KernelLibrary library)
        {
            library.Prepare(_quantized.Code);
            library.Prepare(CodeOf(Large));
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int tokens = binding.Node.Inputs[0].Rows.Resolve(size);
            if (tokens == 0)
                return;
            (TensorView weight, nint memory) = (binding.Weights[0], binding.Scratch.Address);
            _quantized.Launch(stream, DevicePointer<float>.Of(binding.Inputs[0]), memory, tokens);
            int rows = checked((int)weight.Rows);
            ProductTile tile = Choose(rows, tokens, stream.Figures.Multiprocessors);
            stream.Launch(CodeOf(tile), new TiledProductGeometry(
                DevicePointer<byte>.Of(weight),
                new(memory),
                new(memory + (nint)_quantized.ScalesAt),
                new(memory + (nint)_quantized.SumsAt),
                binding.Weights.Count > 1 ? DevicePointer<float>.Of(binding.Weights[1]) : default,
                DevicePointer<float>.Of(binding.Outputs[0]),
                weight.RowBytes,
                rows,
                weight.Width,
                tokens,
                tile.Rows,
                tile.Tokens,
                Cover.Blocks(rows, tile.Rows),
                Cover.Blocks(tokens, tile.Tokens),
                tile.Threads,
                tile.SharedBytes(_format)));
        }

        // Every tile adds up in the same order, so that the choice does not show in the result.
        private ProductTile Choose(int rows, int tokens, int multiprocessors) =>
            largest || Cover.Blocks(rows, Large.Rows) * (long)Cover.Blocks(tokens, Large.Tokens) >= multiprocessors ? Large
            : tokens > Small.Tokens ? Wide
            : Small;

        private KernelCode CodeOf(ProductTile tile) => new("tiled_product.cu", $"tile_{tile.Rows}x{tile.Tokens}", _format.Define);
    }
}
