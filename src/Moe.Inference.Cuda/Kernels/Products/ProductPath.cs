using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// One way to compute an operation's products, for runs from some number of rows on: kernels choose between a few-token path, which reads
/// each weight once for a few rows, and tiles for many rows. Stateless.
/// </summary>
internal interface IProductPath
{
    /// <summary>Whether it takes a node, whose weights' types were checked before.</summary>
    bool Takes(GraphNode node, KernelOptions options);

    /// <summary>The fewest rows that it is the best way for; a row is a token, or one chosen expert of a token.</summary>
    int LeastRows(GraphNode node, KernelOptions options);

    /// <summary>Bytes of scratch memory for a run; paths share the memory, each from its beginning.</summary>
    long ScratchBytes(GraphNode node, RunSize size, KernelOptions options);

    /// <summary>Binds a node.</summary>
    CudaStep Bind(KernelBinding binding);
}

/// <summary>The paths of each operation, those for more rows later. The first takes every node and any number of rows.</summary>
internal static class ProductPaths
{
    /// <summary>Of <see cref="MatMulOp"/>.</summary>
    public static IReadOnlyList<IProductPath> MatMul { get; } = [new FewTokenMatMul(), new TiledMatMul(), new SplitMatMul()];

    /// <summary>Of <see cref="ExpertMatMulOp"/>.</summary>
    public static IReadOnlyList<IProductPath> ExpertMatMul { get; } = [new FewRowExpertMatMul(), new GroupedExpertMatMul()];

    /// <summary>Of <see cref="FusedMoeOp"/>.</summary>
    public static IReadOnlyList<IProductPath> FusedMoe { get; } = [new FewRowMoe(), new GroupedMoe()];

    /// <summary>The fewest rows for which one of the later paths is the best.</summary>
    public static int ManyRows(IReadOnlyList<IProductPath> paths, GraphNode node, KernelOptions options) =>
        paths.Skip(1).Where(path => path.Takes(node, options)).Select(path => path.LeastRows(node, options)).DefaultIfEmpty(int.MaxValue).Min();
}

/// <summary>A kernel of an operation that has several paths.</summary>
/// <param name="operation">The operation's name.</param>
/// <param name="paths">Its paths.</param>
internal abstract class ProductKernel(string operation, IReadOnlyList<IProductPath> paths) : CudaKernel(operation)
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options) => WeightFormat.Refuses(node.Weights);

    /// <inheritdoc/>
    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => For(node, options).Max(path => path.ScratchBytes(node, size, options));

    /// <inheritdoc/>
    public override IStep Bind(KernelBinding binding)
    {
        IProductPath[] paths = [.. For(binding.Node, binding.Options)];
        return paths.Length == 1
            ? paths[0].Bind(binding)
            : new Step(binding.Node.Outputs[0].Rows, [.. paths.Select(path => (path.LeastRows(binding.Node, binding.Options), path.Bind(binding)))]);
    }

    private IEnumerable<IProductPath> For(GraphNode node, KernelOptions options) => paths.Where(path => path.Takes(node, options));

    private sealed class Step(RowCount rows, (int LeastRows, CudaStep Step)[] paths) : CudaStep
    {
        public override void Prepare(KernelLibrary library)
        {
            foreach ((_, CudaStep step) in paths)
                step.Prepare(library);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int count = rows.Resolve(size), chosen = 0;
            for (int i = 1; i < paths.Length; i++)
            {
                if (count >= paths[i].LeastRows)
                    chosen = i;
            }

            paths[chosen].Step.Launch(stream, size);
        }
    }
}
