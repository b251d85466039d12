using System.Runtime.Intrinsics;
using Moe.Inference.Cpu.Simd;
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
                Silu(x, result);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    /// <summary>result = f(gate) · up.</summary>
    public static void ApplyGated(ActivationKind kind, ReadOnlySpan<float> gate, ReadOnlySpan<float> up, Span<float> result)
    {
        switch (kind)
        {
            case ActivationKind.Silu:
                Silu(gate, up, result);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "unknown activation");
        }
    }

    private static void Silu(ReadOnlySpan<float> x, Span<float> result) => Silu(x, default, result);

    // Without a second factor where that is empty.
    private static unsafe void Silu(ReadOnlySpan<float> x, ReadOnlySpan<float> factor, Span<float> result)
    {
        fixed (float* from = x, by = factor, to = result)
        {
            if (CpuFeatures.Current >= CpuPath.Avx512)
                VectorSilu<Vector512<float>, Lanes512>.Apply(from, by, to, x.Length);
            else if (Vector256.IsHardwareAccelerated)
                VectorSilu<Vector256<float>, Lanes256>.Apply(from, by, to, x.Length);
            else
                VectorSilu<Vector128<float>, Lanes128>.Apply(from, by, to, x.Length);
        }
    }
}
