using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products of several matrices with one value: few rows in one launch, as many rows of blocks; other matrices one by one.</summary>
internal sealed class MatMulGroupKernel() : ProductKernel(MatMulGroupOp.OpName, [new FewTokenMatMul(), new MatrixByMatrix(), new TiledMatMul()])
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options) => base.Refuses(node, options)
        ?? (node.Weights.Count > MatVecGeometry.MostMatrices ? $"a launch takes at the most {MatVecGeometry.MostMatrices} matrices"
            : node.Weights.Any(weight => weight.Type != node.Weights[0].Type) ? "the matrices are of different types" : null);

    /// <summary>One product after the other, where there is a way for many rows.</summary>
    private sealed class MatrixByMatrix : IProductPath
    {
        private readonly MatMulKernel _single = new();

        public bool Takes(GraphNode node, KernelOptions options) => true;

        public int LeastRows(GraphNode node, KernelOptions options) => Products(node).Min(product => ProductPaths.ManyRows(ProductPaths.MatMul, product, options));

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => Products(node).Max(product => _single.ScratchBytes(product, size, options));

        public CudaStep Bind(KernelBinding binding) => new StepSequence(
            [.. Products(binding.Node).Select((product, i) => (CudaStep)_single.Bind(binding with { Node = product, Weights = [binding.Weights[i]], Outputs = [binding.Outputs[i]] }))]);

        private static GraphNode[] Products(GraphNode node)
        {
            GraphBuilder builder = new();
            return [.. node.Weights.Select((weight, i) => builder.AddNode($"{node.Label}.{i}", new MatMulOp(), [node.Inputs[0]], [weight]))];
        }
    }
}
