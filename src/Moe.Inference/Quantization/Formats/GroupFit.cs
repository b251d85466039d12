using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>What the encoders share.</summary>
internal static unsafe class GroupFit
{
    /// <summary>The number of the greatest absolute value, with its sign.</summary>
    public static float Extreme(float* x, int count) => Extreme(new ReadOnlySpan<float>(x, count));

    /// <inheritdoc cref="Extreme(float*, int)"/>
    public static float Extreme(ReadOnlySpan<float> x)
    {
        float extreme = 0;
        foreach (float value in x)
        {
            if (MathF.Abs(value) > MathF.Abs(extreme))
                extreme = value;
        }
        return extreme;
    }

    /// <summary>The nearest integer of 0..limit.</summary>
    public static int Code(float value, int limit) => Math.Clamp((int)MathF.Round(value), 0, limit);

    /// <summary>The nearest integers, ties to even.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Round(Vector256<float> value) => Vector256.ConvertToInt32(Vector256.Round(value));
}
