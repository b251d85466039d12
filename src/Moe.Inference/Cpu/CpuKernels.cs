using Moe.Inference.Cpu.Kernels;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu;

/// <summary>The CPU's kernels, one line each.</summary>
internal static class CpuKernels
{
    /// <summary>Registers all of them.</summary>
    public static OpRegistry AddCpuKernels(this OpRegistry registry) => registry
        .Register(new RowsKernel(EmbeddingOp.OpName, binding => new EmbeddingFormula(binding)))
        .Register(new RowsKernel(RmsNormOp.OpName, binding => new RmsNormFormula(binding), FloatWeights))
        .Register(new RowsKernel(RopeTableOp.OpName, binding => new RopeTableFormula(binding), FloatWeights))
        .Register(new RowsKernel(RopeOp.OpName, binding => new RopeFormula(binding)))
        .Register(new RowsKernel(KvStoreOp.OpName, binding => new KvStoreFormula(binding)))
        .Register(new RowsKernel(RouteOp.OpName, binding => new RouteFormula(binding), FloatWeights))
        .Register(new RowsKernel(AddOp.OpName, binding => new AddFormula(binding)))
        .Register(new RowsKernel(SumOp.OpName, binding => new SumFormula(binding)))
        .Register(new RowsKernel(MulOp.OpName, binding => new MulFormula(binding)))
        .Register(new RowsKernel(ActivationOp.OpName, binding => new ActivationFormula(binding)))
        .Register(new RowsKernel(GatedActivationOp.OpName, binding => new GatedActivationFormula(binding)))
        .Register(new RowsKernel(MultiAddOp.OpName, binding => new MultiAddFormula(binding)))
        .Register(new RowsKernel(ScaledSlotOp.OpName, binding => new ScaledSlotFormula(binding)))
        .Register(new RowsKernel(SelectRowsOp.OpName, binding => new SelectRowsFormula(binding)))
        .Register(new RowsKernel(MaskedSoftmaxOp.OpName, binding => new MaskedSoftmaxFormula(binding)))
        .Register(new RowsKernel(TopLogitsOp.OpName, binding => new TopLogitsFormula(binding)))
        .Register(new MatMulKernel())
        .Register(new ExpertMatMulKernel())
        .Register(new FusedMoeKernel())
        .Register(new FlashAttentionKernel())
        .Register(new AttentionScoresKernel())
        .Register(new AttentionValuesKernel());

    private static string? FloatWeights(GraphNode node) =>
        node.Weights.FirstOrDefault(weight => weight.Type != ElementType.F32) is { } other ? $"'{other.Name}' is {other.Type}; only F32 is taken here" : null;
}
