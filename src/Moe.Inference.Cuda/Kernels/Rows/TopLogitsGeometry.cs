using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The greatest logits of rows, a block per row.</summary>
/// <param name="Logits">The rows.</param>
/// <param name="Result">Receives what was found of each.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Width">Logits of a row.</param>
internal readonly record struct TopLogitsGeometry(DevicePointer<float> Logits, DevicePointer<float> Result, int Rows, int Width) : IKernelGeometry
{
    private const int Threads = 1024;

    // Two of each warp.
    private const int MostFound = 2 * (Threads / 32);

    /// <summary>Why a node cannot run here, or null.</summary>
    public static string? Refuses(GraphNode node, KernelOptions options) =>
        CountOf(node) > MostFound ? $"at the most {MostFound} logits are found here, not {CountOf(node)}" : null;

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => new("top_logits.cu", "top_logits", $"COUNT={CountOf(binding.Node)}");

    /// <summary>The cut of a run.</summary>
    public static TopLogitsGeometry For(KernelBinding binding, RunSize size) => new(
        DevicePointer<float>.Of(binding.Inputs[0]), DevicePointer<float>.Of(binding.Outputs[0]), binding.Node.Outputs[0].Rows.Resolve(size), binding.Inputs[0].Width);

    /// <inheritdoc/>
    public LaunchShape Shape => new(Rows, 1, 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Require(Width > 0 && Logits.Address % 16 == 0, "rows are not empty, and the first begins at a multiple of 16 bytes");

    private static int CountOf(GraphNode node) => ((TopLogitsOp)node.Operation).Count;
}
