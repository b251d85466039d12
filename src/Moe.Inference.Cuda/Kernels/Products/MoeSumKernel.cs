using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The chosen experts' networks and their weighted sum: one token in two launches, several as their composed form.</summary>
internal sealed class MoeSumKernel() : ProductKernel(MoeSumOp.OpName, [new FewRowMoeSum(), new NetworksThenSum()])
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options)
    {
        (Weight gate, Weight up) = (node.Weights[0], node.Weights[1]);
        return base.Refuses(node, options)
            ?? (gate.Type != up.Type ? $"gate is {gate.Type} and up is {up.Type}; one kernel reads both"
                : node.Inputs[1].Width > ExpertSumGeometry.MostUsed ? $"a token has {node.Inputs[1].Width} experts; at the most {ExpertSumGeometry.MostUsed} are taken" : null);
    }

    /// <summary>All rows of the networks, then their sum, where there is a way for many rows.</summary>
    private sealed class NetworksThenSum : IProductPath
    {
        private const long Alignment = 64;

        private readonly FusedMoeKernel _networks = new();
        private readonly CudaKernel _sum = new OneLaunchKernel<StackedGeometry>(MultiAddOp.OpName, _ => StackedGeometry.MultiAddCode, StackedGeometry.For);

        public bool Takes(GraphNode node, KernelOptions options) => true;

        public int LeastRows(GraphNode node, KernelOptions options)
        {
            (int used, bool exact, Weight gate, Weight down) = (node.Inputs[1].Width, options.Exact, node.Weights[0], node.Weights[2]);
            // Several tokens share what they read of an expert; a token alone has its sum made with the rows, where those of all its experts fit.
            if (WeightFormat.Of(gate).Rounds(exact, gate.Width) && WeightFormat.Of(down).Rounds(exact, down.Width))
                return WeightFormat.Of(down).Rounds(exact, down.Width * used) ? 2 : 0;
            int rows = ProductPaths.ManyRows(ProductPaths.FusedMoe, Nodes(node).Networks, options);
            return (rows / used) + (rows % used == 0 ? 0 : 1);
        }

        public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options)
        {
            GraphNode networks = Nodes(node).Networks;
            return RowsBytes(networks, size) + _networks.ScratchBytes(networks, size, options);
        }

        public CudaStep Bind(KernelBinding binding)
        {
            (GraphNode networks, GraphNode sum) = Nodes(binding.Node);
            (TensorView scratch, ValueShape shape) = (binding.Scratch, networks.Outputs[0].Shape);
            long bytes = RowsBytes(networks, binding.Limits);
            TensorView rows = new(scratch.Buffer, scratch.Offset, shape.Type, shape.Width, shape.Rows.Resolve(binding.Limits));
            TensorView rest = new(scratch.Buffer, scratch.Offset + bytes, ElementType.I8, checked((int)(scratch.ByteLength - bytes)), 1);
            return new StepSequence(
            [
                (CudaStep)_networks.Bind(binding with { Node = networks, Inputs = [.. binding.Inputs.Take(2)], Outputs = [rows], Scratch = rest }),
                (CudaStep)_sum.Bind(binding with { Node = sum, Inputs = [rows, binding.Inputs[2]], Weights = [] }),
            ]);
        }

        private static long RowsBytes(GraphNode networks, RunSize size) => (networks.Outputs[0].Shape.ByteLength(size) + Alignment - 1) / Alignment * Alignment;

        private static (GraphNode Networks, GraphNode Sum) Nodes(GraphNode node)
        {
            GraphBuilder builder = new();
            FusedMoeOp experts = ((MoeSumOp)node.Operation).Experts;
            GraphNode networks = builder.AddNode($"{node.Label}.experts", experts, [node.Inputs[0], node.Inputs[1]], [.. node.Weights]);
            return (networks, builder.AddNode(node.Label, new MultiAddOp(experts.Used), [networks.Outputs[0], node.Inputs[2]]));
        }
    }
}
