using System.Numerics.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Softmax of one row, for numbers of any size: exp(x − max) never overflows, which the library's own softmax does above 88.</summary>
internal static class Softmax
{
    /// <summary>y = exp(x − max) / Σ exp(x − max).</summary>
    /// <param name="x">The numbers; not empty.</param>
    /// <param name="y">As many results.</param>
    public static void Apply(ReadOnlySpan<float> x, Span<float> y)
    {
        TensorPrimitives.Subtract(x, TensorPrimitives.Max(x), y);
        TensorPrimitives.Exp(y, y);
        TensorPrimitives.Divide(y, TensorPrimitives.Sum(y), y);
    }
}
