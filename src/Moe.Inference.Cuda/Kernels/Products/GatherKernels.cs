using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The operations that pick rows.</summary>
internal static class GatherKernels
{
    /// <summary>Rows of a table by token id, decoded.</summary>
    public static CudaKernel Embedding() => new OneLaunchKernel<GatherGeometry>(
        EmbeddingOp.OpName,
        binding => CodeFor(WeightFormat.Of(binding.Node.Weights[0]).Define),
        (binding, size) => GeometryOf(binding.Weights[0], binding.Inputs[0], binding, size),
        (node, _) => WeightFormat.Refuses(node.Weights));

    /// <summary>The wanted rows of a value.</summary>
    public static CudaKernel SelectRows() => new OneLaunchKernel<GatherGeometry>(
        SelectRowsOp.OpName,
        _ => CodeFor($"FORMAT={ElementType.F32}"),
        (binding, size) => GeometryOf(binding.Inputs[0], binding.Inputs[1], binding, size));

    private static KernelCode CodeFor(string format) => new("gather_rows.cu", "gather", format);

    private static GatherGeometry GeometryOf(TensorView table, TensorView ids, KernelBinding binding, RunSize size) => new(
        DevicePointer<byte>.Of(table),
        DevicePointer<int>.Of(ids),
        DevicePointer<float>.Of(binding.Outputs[0]),
        table.RowBytes,
        table.Width,
        checked((int)table.Rows),
        binding.Node.Outputs[0].Rows.Resolve(size));
}
