using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Products with chosen experts' matrices, row by row.</summary>
internal sealed class FewRowExpertMatMul : IProductPath
{
    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => true;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => 0;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => 0;

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private sealed class Step(KernelBinding binding) : CudaStep
    {
        private readonly ExpertMatMulOp _op = (ExpertMatMulOp)binding.Node.Operation;
        private readonly ExpertRows _rows = new(binding.Node.Weights[0], binding.Options.Exact);

        public override void Prepare(KernelLibrary library) => _rows.Prepare(library);

        public override void Launch(CudaStream stream, in RunSize size) => _rows.Launch(
            stream,
            DevicePointer<float>.Of(binding.Inputs[0]),
            binding.Node.Inputs[0].Rows == binding.Node.Inputs[1].Rows ? _op.Used : 1,
            binding.Inputs[1],
            binding.Node.Inputs[1].Rows.Resolve(size),
            binding.Node.Outputs[0].Rows.Resolve(size),
            _op.FirstExpert,
            binding.Weights[0],
            null,
            DevicePointer<float>.Of(binding.Outputs[0]));
    }
}
