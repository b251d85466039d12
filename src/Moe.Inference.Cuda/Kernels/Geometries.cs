using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The one list of geometries: what kernels find in <c>geometry.cuh</c>.</summary>
internal static class Geometries
{
    /// <summary>All declarations.</summary>
    public static string Text { get; } = string.Concat(
    [
        GeometryText.Of<ElementwiseGeometry>(),
    ]);
}
