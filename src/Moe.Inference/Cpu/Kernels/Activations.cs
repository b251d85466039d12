using System.Numerics.Tensors;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The element-wise functions, over spans. The gated form gives the same bits as the function followed by a product.</summary>
internal static class Activations
{
    /// <summary>result = f(x).</summary>
    public static void Apply(ActivationKind kind, ReadOnlySpan<float> x, Span<float> result)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                TensorPrimitives.Sigmoid(x, result);
                TensorPrimitives.Multiply(result, x, result);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    /// <summary>result = f(gate) · up; result must not be the same memory as gate.</summary>
    public static void ApplyGated(ActivationKind kind, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> result)
    {
        Apply(kind, gate, result);
        TensorPrimitives.Multiply(result, up, result);
    }
}
