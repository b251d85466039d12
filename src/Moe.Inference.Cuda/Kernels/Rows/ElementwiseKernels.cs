using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The operations of <c>elementwise.cu</c>.</summary>
internal static class ElementwiseKernels
{
    /// <summary>The sum of two values.</summary>
    public static KernelCode AddCode { get; } = new("elementwise.cu", "add");

    /// <summary>An operation on two values of one shape.</summary>
    public static CudaKernel OfTwo(string operation, string entry)
    {
        KernelCode code = new("elementwise.cu", entry);
        return new OneLaunchKernel<ElementwiseGeometry>(operation, _ => code, ElementwiseGeometry.For);
    }

    /// <summary>f(x).</summary>
    public static CudaKernel Activation() => new OneLaunchKernel<ElementwiseGeometry>(
        ActivationOp.OpName,
        binding => new KernelCode("elementwise.cu", EntryOf(((ActivationOp)binding.Node.Operation).Kind)!),
        ElementwiseGeometry.For,
        (node, _) => Refuses(((ActivationOp)node.Operation).Kind));

    /// <summary>f(gate) · up.</summary>
    public static CudaKernel GatedActivation() => new OneLaunchKernel<ElementwiseGeometry>(
        GatedActivationOp.OpName,
        binding => new KernelCode("elementwise.cu", $"gated_{EntryOf(((GatedActivationOp)binding.Node.Operation).Kind)}"),
        ElementwiseGeometry.For,
        (node, _) => Refuses(((GatedActivationOp)node.Operation).Kind));

    private static string? EntryOf(ActivationKind kind) => kind switch
    {
        ActivationKind.Silu => "silu",
        _ => null,
    };

    private static string? Refuses(ActivationKind kind) => EntryOf(kind) is null ? $"the activation {kind} is not known here" : null;
}
