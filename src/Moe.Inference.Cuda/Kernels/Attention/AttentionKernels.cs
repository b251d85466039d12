using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The kernels around key/value memory.</summary>
internal static class AttentionKernels
{
    /// <summary>Registers them all.</summary>
    public static OpRegistry AddAttentionKernels(this OpRegistry registry) => registry
        .Register(new OneLaunchKernel<KvStoreGeometry>(KvStoreOp.OpName, KvStoreGeometry.CodeOf, KvStoreGeometry.For, KvFormats.RefusesType))
        .Register(new OneLaunchKernel<RopeStoreGeometry>(RopeStoreOp.OpName, RopeStoreGeometry.CodeOf, RopeStoreGeometry.For, RopeStoreGeometry.Refuses))
        .Register(new FlashAttentionKernel())
        .Register(new OneLaunchKernel<MaskedSoftmaxGeometry>(MaskedSoftmaxOp.OpName, _ => MaskedSoftmaxGeometry.Code, MaskedSoftmaxGeometry.For))
        .Register(new OneLaunchKernel<ComposedAttentionGeometry>(
            AttentionScoresOp.OpName, ComposedAttentionGeometry.ScoresCodeOf, ComposedAttentionGeometry.ForScores, (node, options) => KvFormats.Refuses(((AttentionScoresOp)node.Operation).Shape, node, options)))
        .Register(new OneLaunchKernel<ComposedAttentionGeometry>(
            AttentionValuesOp.OpName, ComposedAttentionGeometry.ValuesCodeOf, ComposedAttentionGeometry.ForValues, (node, options) => KvFormats.Refuses(((AttentionValuesOp)node.Operation).Shape, node, options)));
}
