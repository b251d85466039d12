using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of a matrix in blocks, or of a group of them, with many tokens, on integer tensor cores.</summary>
/// <param name="largest">The largest tiles always, rather than as many as keep the device busy.</param>
internal sealed class TiledMatMul(bool largest = false) : IProductPath
{
    private const int FewestTokens = 9;

    // Matrices as large as a vocabulary's fill the device anyway; measured on an H100.
    private const int ManyRows = 1 << 15;
    private const int FewestTokensOfManyRows = 17;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) =>
        WeightFormat.Of(node.Weights[0]).Rounds(options.Exact, node.Weights[0].Width)
        && node.Outputs.Count <= TiledProductGeometry.MostMatrices
        && node.Weights.Take(node.Outputs.Count).All(weight => weight.Type == node.Weights[0].Type);

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => node.Weights[0].RowsPerSlice >= ManyRows ? FewestTokensOfManyRows : FewestTokens;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => Quantized(node, size).Bytes;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding, largest);

    private static QuantizedRows Quantized(GraphNode node, RunSize size) =>
        new(WeightFormat.Of(node.Weights[0]), node.Inputs[0].Width, node.Inputs[0].Rows.Resolve(size));

    private sealed class Step(KernelBinding binding, bool largest) : CudaStep
    {
        // Of Hopper; what others need is compiled when it is needed.
        private const int UsualSharedBytes = 227 << 10;

        private readonly WeightFormat _format = WeightFormat.Of(binding.Node.Weights[0]);
        private readonly QuantizedRows _quantized = Quantized(binding.Node, binding.Limits);

        public override void Prepare(KernelLibrary library)
        {
            library.Prepare(_quantized.Code);
            ProductTiles tiles = ProductTiles.For(_format, UsualSharedBytes);
            library.Prepare(CodeOf(tiles, tiles.Large));
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int tokens = binding.Node.Inputs[0].Rows.Resolve(size);
            if (tokens == 0)
                return;
            _quantized.Launch(stream, DevicePointer<float>.Of(binding.Inputs[0]), binding.Scratch.Address, tokens);
            ProductTiles tiles = ProductTiles.For(_format, stream.Figures.SharedBytes);
            ProductTile tile = Choose(tiles, Enumerable.Range(0, Matrices).Sum(RowsOf), tokens, stream.Figures.Multiprocessors);
            stream.Launch(CodeOf(tiles, tile), Geometry(tile, tokens));
        }

        private int Matrices => binding.Outputs.Count;

        private int RowsOf(int matrix) => matrix < Matrices ? checked((int)binding.Weights[matrix].Rows) : 0;

        private TiledProductGeometry Geometry(ProductTile tile, int tokens)
        {
            nint memory = binding.Scratch.Address;
            DevicePointer<byte> Weights(int matrix) => matrix < Matrices ? DevicePointer<byte>.Of(binding.Weights[matrix]) : default;
            DevicePointer<float> Result(int matrix) => matrix < Matrices ? DevicePointer<float>.Of(binding.Outputs[matrix]) : default;
            int Blocks(int matrix) => Cover.Blocks(RowsOf(matrix), tile.Rows);
            int first1 = Blocks(0), first2 = first1 + Blocks(1), first3 = first2 + Blocks(2);
            return new TiledProductGeometry(
                Weights(0),
                Weights(1),
                Weights(2),
                Weights(3),
                Result(0),
                Result(1),
                Result(2),
                Result(3),
                binding.Weights.Count > Matrices ? DevicePointer<float>.Of(binding.Weights[1]) : default,
                new(memory),
                new(memory + (nint)_quantized.ScalesAt),
                new(memory + (nint)_quantized.SumsAt),
                binding.Weights[0].RowBytes,
                RowsOf(0),
                RowsOf(1),
                RowsOf(2),
                RowsOf(3),
                first1,
                first2,
                first3,
                first3 + Blocks(3),
                Cover.Blocks(tokens, tile.Tokens),
                binding.Weights[0].Width,
                tokens,
                tile.Rows,
                tile.Tokens,
                tile.Threads,
                tile.SharedBytes(_format));
        }

        private ProductTile Choose(ProductTiles tiles, int rows, int tokens, int multiprocessors) =>
            largest || Cover.Blocks(rows, tiles.Large.Rows) * (long)Cover.Blocks(tokens, tiles.Large.Tokens) >= multiprocessors ? tiles.Large
            : tokens > tiles.Small.Tokens ? tiles.Wide
            : tiles.Small;

        private KernelCode CodeOf(ProductTiles tiles, ProductTile tile) =>
            new("tiled_product.cu", tile == tiles.Large ? "large_tile" : tile == tiles.Wide ? "wide_tile" : "small_tile", $"{_format.Define} {tiles.Defines}");
    }
}
