using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products with chosen experts' matrices for many rows: sorted by expert, then multiplied in tiles.</summary>
internal sealed class GroupedExpertMatMul : IProductPath
{
    // Below, experts meet so few tokens each that their rows are better streamed once for every token; measured on an H100.
    private const int FewestTokens = 25;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => true;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => FewestTokens * ((ExpertMatMulOp)node.Operation).Used;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options)
    {
        (GroupedRows groups, GroupedProduct product) = Parts(node, size, options);
        return groups.Bytes + product.Bytes;
    }

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private static (GroupedRows Groups, GroupedProduct Product) Parts(GraphNode node, RunSize limits, KernelOptions options)
    {
        GroupedRows groups = new(node.Weights[0].Slices, node.Outputs[0].Rows.Resolve(limits));
        return (groups, new GroupedProduct(node.Weights[0], options.Exact, gated: false, groups, node.Inputs[0].Rows.Resolve(limits)));
    }

    private sealed class Step : CudaStep
    {
        private readonly KernelBinding _binding;
        private readonly ExpertMatMulOp _op;
        private readonly GroupedRows _groups;
        private readonly GroupedProduct _product;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _op = (ExpertMatMulOp)binding.Node.Operation;
            (_groups, _product) = Parts(binding.Node, binding.Limits, binding.Options);
        }

        public override void Prepare(KernelLibrary library)
        {
            GroupedRows.Prepare(library);
            _product.Prepare(library);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            GraphNode node = _binding.Node;
            (int rows, int sources, nint memory) = (node.Outputs[0].Rows.Resolve(size), node.Inputs[0].Rows.Resolve(size), _binding.Scratch.Address);
            DevicePointer<float> result = DevicePointer<float>.Of(_binding.Outputs[0]);
            _groups.Launch(stream, memory, DevicePointer<int>.Of(_binding.Inputs[1]), rows, _op.FirstExpert, result, _binding.Outputs[0].Width);
            _product.Launch(
                stream, (_binding.Weights[0], null), DevicePointer<float>.Of(_binding.Inputs[0]), sources, memory + (nint)_groups.Bytes, memory, rows, rows / sources, result);
        }
    }
}
