using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>A formula that makes each row of an output on its own.</summary>
internal interface IRowFormula
{
    /// <summary>Computes rows <paramref name="start"/> up to <paramref name="end"/> of the output.</summary>
    void Run(int start, int end);
}

/// <summary>The traversal of all row-wise operations: blocks of rows, one phase. What happens to a row is the formula's.</summary>
/// <param name="operation">The operation's name.</param>
/// <param name="bind">Makes the formula for a node.</param>
/// <param name="refuses">A further reason to refuse a node, if any.</param>
internal sealed class RowsKernel(string operation, Func<KernelBinding, IRowFormula> bind, Func<GraphNode, string?>? refuses = null) : CpuKernel(operation)
{
    public override string? Refuses(GraphNode node, KernelOptions options) => base.Refuses(node, options) ?? refuses?.Invoke(node);

    public override IStep Bind(KernelBinding binding)
    {
        TensorView rows = binding.Outputs.Count > 0 ? binding.Outputs[0] : binding.Inputs[0];
        RowCount count = (binding.Node.Outputs.Count > 0 ? binding.Node.Outputs[0] : binding.Node.Inputs[0]).Rows;
        return new Step(bind(binding), count, rows.RowBytes, binding.Options.Threads);
    }

    private sealed class Step(IRowFormula formula, RowCount rows, long rowBytes, int threads) : CpuStep
    {
        // Less than this is done before other threads have begun.
        private const long BriefBytes = 128 << 10;

        public override int Items(int phase, in RunSize size) => Cut(size).Count;

        public override bool IsBrief(int phase, in RunSize size) => rows.Resolve(size) * rowBytes <= BriefBytes;

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            Blocks blocks = Cut(size);
            formula.Run(blocks.Start(item), blocks.Start(item) + blocks.Size(item));
        }

        private Blocks Cut(in RunSize size) => Blocks.ForRows(rows.Resolve(size), rowBytes, threads);
    }
}
