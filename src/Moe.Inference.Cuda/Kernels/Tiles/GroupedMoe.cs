using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// The chosen experts' networks for many tokens: rows sorted by expert; gate, up and the activation in one product of tiles; down in another.
/// </summary>
internal sealed class GroupedMoe : IProductPath
{
    // Below, experts meet so few tokens each that their rows are better streamed once for every token; measured on an H100.
    private const int FewestTokens = 25;

    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) =>
        node.Operation is FusedMoeOp { Activation: ActivationKind.Silu } && node.Weights[0].Type == node.Weights[1].Type;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => FewestTokens * ((FusedMoeOp)node.Operation).Used;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => new Parts(node, size, options).Bytes;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    /// <summary>The products, and where their parts of the scratch memory begin.</summary>
    private readonly struct Parts
    {
        private const int Alignment = 64;

        public Parts(GraphNode node, RunSize limits, KernelOptions options)
        {
            int rows = node.Outputs[0].Rows.Resolve(limits);
            (Weight gate, Weight down) = (node.Weights[0], node.Weights[2]);
            Groups = new GroupedRows(gate.Slices, rows);
            GateAndUp = new GroupedProduct(gate, options.Exact, gated: true, Groups, node.Inputs[0].Rows.Resolve(limits));
            Down = new GroupedProduct(down, options.Exact, gated: false, Groups, rows);
            HiddenAt = Groups.Bytes;
            ActivationsAt = HiddenAt + (((long)rows * down.Width * sizeof(float)) + Alignment - 1) / Alignment * Alignment;
            // Those of down take the place of those of gate and up.
            Bytes = ActivationsAt + Math.Max(GateAndUp.Bytes, Down.Bytes);
        }

        public GroupedRows Groups { get; }

        public GroupedProduct GateAndUp { get; }

        public GroupedProduct Down { get; }

        public long HiddenAt { get; }

        public long ActivationsAt { get; }

        public long Bytes { get; }
    }

    private sealed class Step(KernelBinding binding) : CudaStep
    {
        private readonly FusedMoeOp _op = (FusedMoeOp)binding.Node.Operation;
        private readonly Parts _parts = new(binding.Node, binding.Limits, binding.Options);

        public override void Prepare(KernelLibrary library)
        {
            GroupedRows.Prepare(library);
            _parts.GateAndUp.Prepare(library);
            _parts.Down.Prepare(library);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            (int tokens, int rows, nint memory) = (binding.Node.Inputs[0].Rows.Resolve(size), binding.Node.Outputs[0].Rows.Resolve(size), binding.Scratch.Address);
            nint activations = memory + (nint)_parts.ActivationsAt;
            DevicePointer<float> hidden = new(memory + (nint)_parts.HiddenAt), result = DevicePointer<float>.Of(binding.Outputs[0]);
            _parts.Groups.Launch(stream, memory, DevicePointer<int>.Of(binding.Inputs[1]), rows, _op.FirstExpert, result, binding.Outputs[0].Width);
            _parts.GateAndUp.Launch(
                stream, (binding.Weights[0], binding.Weights[1]), DevicePointer<float>.Of(binding.Inputs[0]), tokens, activations, memory, rows, _op.Used, hidden);
            _parts.Down.Launch(stream, (binding.Weights[2], null), hidden, rows, activations, memory, rows, perSource: 0, result);
        }
    }
}
