using System.Runtime.Intrinsics;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// What operation kernels need besides products with weights, on the path of this process. The order of a
/// reduction is fixed by its length, so results depend on the numbers and their count only. Arrays may overlap where they are the same.
/// </summary>
internal static unsafe class VectorMath
{
    // Constants once the methods are compiled with optimization.
    private static readonly bool Wide = CpuFeatures.Current == CpuPath.Avx512;
    private static readonly bool Narrow = CpuFeatures.Current == CpuPath.Scalar;

    /// <summary>Σ a·b.</summary>
    public static float Dot(float* a, float* b, int count) =>
        Wide ? VectorMath<Vector512<float>, Lanes512>.Dot(a, b, count)
        : Narrow ? VectorMath<Vector128<float>, Lanes128>.Dot(a, b, count)
        : VectorMath<Vector256<float>, Lanes256>.Dot(a, b, count);

    /// <summary>Σ x², for the RMS norm.</summary>
    public static float SumOfSquares(float* x, int count) => Dot(x, x, count);

    /// <summary>The greatest number; negative infinity for none.</summary>
    public static float Max(float* x, int count) =>
        Wide ? VectorMath<Vector512<float>, Lanes512>.Max(x, count)
        : Narrow ? VectorMath<Vector128<float>, Lanes128>.Max(x, count)
        : VectorMath<Vector256<float>, Lanes256>.Max(x, count);

    /// <summary>y += scale·x.</summary>
    public static void ScaledAdd(float scale, float* x, float* y, int count)
    {
        if (Wide)
            VectorMath<Vector512<float>, Lanes512>.ScaledAdd(scale, x, y, count);
        else if (Narrow)
            VectorMath<Vector128<float>, Lanes128>.ScaledAdd(scale, x, y, count);
        else
            VectorMath<Vector256<float>, Lanes256>.ScaledAdd(scale, x, y, count);
    }

    /// <summary>y = scale·x.</summary>
    public static void Scale(float scale, float* x, float* y, int count)
    {
        if (Wide)
            VectorMath<Vector512<float>, Lanes512>.Scale(scale, x, y, count);
        else if (Narrow)
            VectorMath<Vector128<float>, Lanes128>.Scale(scale, x, y, count);
        else
            VectorMath<Vector256<float>, Lanes256>.Scale(scale, x, y, count);
    }

    /// <summary>y = x·scale·weight, the second half of the RMS norm.</summary>
    public static void ScaleMultiply(float* x, float scale, float* weight, float* y, int count)
    {
        if (Wide)
            VectorMath<Vector512<float>, Lanes512>.ScaleMultiply(x, scale, weight, y, count);
        else if (Narrow)
            VectorMath<Vector128<float>, Lanes128>.ScaleMultiply(x, scale, weight, y, count);
        else
            VectorMath<Vector256<float>, Lanes256>.ScaleMultiply(x, scale, weight, y, count);
    }

    /// <summary>y = exp(x − shift), within 2 units in the last place; results below the smallest normal float are 0.</summary>
    /// <returns>Σ y.</returns>
    public static float ExpSum(float* x, float shift, float* y, int count) =>
        Wide ? VectorMath<Vector512<float>, Lanes512>.ExpSum(x, shift, y, count)
        : Narrow ? VectorMath<Vector128<float>, Lanes128>.ExpSum(x, shift, y, count)
        : VectorMath<Vector256<float>, Lanes256>.ExpSum(x, shift, y, count);

    /// <summary>y = gate·up / (1 + exp(−gate)).</summary>
    public static void SiluMultiply(float* gate, float* up, float* y, int count)
    {
        if (Wide)
            VectorMath<Vector512<float>, Lanes512>.SiluMultiply(gate, up, y, count);
        else if (Narrow)
            VectorMath<Vector128<float>, Lanes128>.SiluMultiply(gate, up, y, count);
        else
            VectorMath<Vector256<float>, Lanes256>.SiluMultiply(gate, up, y, count);
    }
}
