using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The chosen experts' networks and their sum, token by token: gate, up and the activation in one launch, down and the sum in a second one.</summary>
internal sealed class FewRowMoeSum : IProductPath
{
    /// <inheritdoc/>
    public bool Takes(GraphNode node, KernelOptions options) => true;

    /// <inheritdoc/>
    public int LeastRows(GraphNode node, KernelOptions options) => 0;

    /// <inheritdoc/>
    public long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) =>
        (long)node.Outputs[0].Rows.Resolve(size) * OperationOf(node).Used * node.Weights[2].Width * sizeof(float);

    /// <inheritdoc/>
    public CudaStep Bind(KernelBinding binding) => new Step(binding);

    private static FusedMoeOp OperationOf(GraphNode node) => ((MoeSumOp)node.Operation).Experts;

    private sealed class Step : CudaStep
    {
        private readonly KernelBinding _binding;
        private readonly FusedMoeOp _op;
        private readonly Weight _down;
        private readonly ExpertRows _gateAndUp;
        private readonly bool _rounds;
        private readonly StreamMemory _memory;
        private readonly KernelCode _code;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _op = OperationOf(binding.Node);
            _down = binding.Node.Weights[2];
            _gateAndUp = new ExpertRows(binding.Node.Weights[0], binding.Options.Exact, _op.Activation);
            WeightFormat format = WeightFormat.Of(_down);
            _rounds = format.Rounds(binding.Options.Exact, _down.Width * _op.Used);
            _memory = _rounds ? StreamMemory.Deep(format, _down.Width, _op.Used) : new StreamMemory(format, _down.Width);
            _code = new KernelCode("expert_sum.cu", "expert_sum", $"{format.DefineFor(_rounds)} {_memory.Defines}");
        }

        public override void Prepare(KernelLibrary library)
        {
            _gateAndUp.Prepare(library);
            library.Prepare(_code);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            int tokens = _binding.Node.Outputs[0].Rows.Resolve(size), rows = _down.RowsPerSlice, split = 0;
            if (tokens == 0)
                return;
            (TensorView ids, DevicePointer<float> hidden) = (_binding.Inputs[1], DevicePointer<float>.Of(_binding.Scratch));
            _gateAndUp.Launch(
                stream, DevicePointer<float>.Of(_binding.Inputs[0]), _op.Used, ids, tokens, tokens * _op.Used, _op.FirstExpert, _binding.Weights[0], _binding.Weights[1], hidden);
            RowCut cut = _rounds
                ? RowCut.Streaming(rows, StreamMemory.RowsPerItem, tokens, _memory.BlocksAtOnce(_op.Used, stream.Figures), stream.Figures)
                : RowCut.Splitting(rows, _down.Width, out split);
            stream.Launch(_code, new ExpertSumGeometry(
                hidden,
                DevicePointer<int>.Of(ids),
                DevicePointer<float>.Of(_binding.Inputs[2]),
                DevicePointer<byte>.Of(_binding.Weights[2]),
                DevicePointer<float>.Of(_binding.Outputs[0]),
                _down.SliceBytes,
                _down.RowBytes,
                _down.Width,
                rows,
                _down.Slices,
                _op.FirstExpert,
                tokens,
                _op.Used,
                cut.PerBlock,
                cut.Blocks,
                cut.Warps,
                split,
                _rounds ? _memory.Bytes(cut.Warps, _op.Used) : 0));
        }
    }
}
