using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The one list of geometries: what kernels find in <c>geometry.cuh</c>.</summary>
internal static class Geometries
{
    /// <summary>All declarations.</summary>
    public static string Text { get; } = string.Concat(
    [
        GeometryText.Of<ElementwiseGeometry>(),
        GeometryText.Of<NormGeometry>(),
        GeometryText.Of<AddNormGeometry>(),
        GeometryText.Of<RopeStoreGeometry>(),
        GeometryText.Of<RopeTableGeometry>(),
        GeometryText.Of<RopeGeometry>(),
        GeometryText.Of<RouteGeometry>(),
        GeometryText.Of<StackedGeometry>(),
        GeometryText.Of<TopLogitsGeometry>(),
        GeometryText.Of<KvStoreGeometry>(),
        GeometryText.Of<MaskedSoftmaxGeometry>(),
        GeometryText.Of<ComposedAttentionGeometry>(),
        GeometryText.Of<ExpertRowsGeometry>(),
        GeometryText.Of<ExpertSumGeometry>(),
        GeometryText.Of<GatherGeometry>(),
        GeometryText.Of<MatVecGeometry>(),
        GeometryText.Of<QuantizeGeometry>(),
        GeometryText.Of<FlashGeometry>(),
        GeometryText.Of<TiledProductGeometry>(),
        GeometryText.Of<SplitProductGeometry>(),
        GeometryText.Of<GroupRowsGeometry>(),
        GeometryText.Of<ClearElsewhereGeometry>(),
        GeometryText.Of<GroupedProductGeometry>(),
    ]);
}
