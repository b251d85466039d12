using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The kernels that make each row, or each element, on its own.</summary>
internal static class RowKernels
{
    /// <summary>Registers them all.</summary>
    public static OpRegistry AddRowKernels(this OpRegistry registry) => registry
        .Register(ElementwiseKernels.OfTwo(AddOp.OpName, "add"))
        .Register(ElementwiseKernels.OfTwo(MulOp.OpName, "multiply"))
        .Register(ElementwiseKernels.Activation())
        .Register(ElementwiseKernels.GatedActivation())
        .Register(new SumKernel())
        .Register(new OneLaunchKernel<NormGeometry>(RmsNormOp.OpName, NormGeometry.CodeOf, NormGeometry.For, FloatWeights.Refuses))
        .Register(new OneLaunchKernel<AddNormGeometry>(AddNormOp.OpName, _ => AddNormGeometry.Code, AddNormGeometry.For, FloatWeights.Refuses))
        .Register(new OneLaunchKernel<RopeTableGeometry>(RopeTableOp.OpName, _ => RopeTableGeometry.Code, RopeTableGeometry.For, FloatWeights.Refuses))
        .Register(new OneLaunchKernel<RopeGeometry>(RopeOp.OpName, RopeGeometry.CodeOf, RopeGeometry.For))
        .Register(new OneLaunchKernel<RouteGeometry>(RouteOp.OpName, RouteGeometry.CodeOf, RouteGeometry.For, RouteGeometry.Refuses))
        .Register(new OneLaunchKernel<TopLogitsGeometry>(TopLogitsOp.OpName, TopLogitsGeometry.CodeOf, TopLogitsGeometry.For, TopLogitsGeometry.Refuses))
        .Register(new OneLaunchKernel<StackedGeometry>(MultiAddOp.OpName, _ => StackedGeometry.MultiAddCode, StackedGeometry.For))
        .Register(new OneLaunchKernel<StackedGeometry>(ScaledSlotOp.OpName, _ => StackedGeometry.ScaledSlotCode, StackedGeometry.For));
}
