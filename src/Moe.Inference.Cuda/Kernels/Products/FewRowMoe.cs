using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The chosen experts' networks, row by row: gate, up and the activation in one launch, down in a second one.</summary>
internal sealed class FewRowMoe : IProductPath
{
    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => true;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => 0;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => (long)node.Outputs[0].Rows.Resolve(size) * node.Weights[2].Width * sizeof(float);

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private sealed class Step : CudaStep
    {
        private readonly KernelBinding _binding;
        private readonly FusedMoeOp _op;
        private readonly ExpertRows _gateAndUp;
        private readonly ExpertRows _down;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _op = (FusedMoeOp)binding.Node.Operation;
            _gateAndUp = new ExpertRows(binding.Node.Weights[0], binding.Options.Exact, _op.Activation);
            _down = new ExpertRows(binding.Node.Weights[2], binding.Options.Exact);
        }

        public override void Prepare(KernelLibrary library)
        {
            _gateAndUp.Prepare(library);
            _down.Prepare(library);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int tokens = _binding.Node.Inputs[0].Rows.Resolve(size), entries = _binding.Node.Outputs[0].Rows.Resolve(size);
            DevicePointer<float> hidden = DevicePointer<float>.Of(_binding.Scratch);
            _gateAndUp.Launch(
                stream, DevicePointer<float>.Of(_binding.Inputs[0]), _op.Used, _binding.Inputs[1], tokens, entries, _op.FirstExpert, _binding.Weights[0], _binding.Weights[1], hidden);
            _down.Launch(
                stream, hidden, 1, _binding.Inputs[1], tokens, entries, _op.FirstExpert, _binding.Weights[2], null, DevicePointer<float>.Of(_binding.Outputs[0]), followsGateAndUp: true);
        }
    }
}
