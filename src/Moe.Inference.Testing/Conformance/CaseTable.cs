using Moe.Inference.Ops;
using Moe.Inference.Testing.Conformance.Families;

namespace Moe.Inference.Testing.Conformance;

/// <summary>Which cases belong to which operation. A new operation is its own family and one line here.</summary>
internal static class CaseTable
{
    private static readonly Dictionary<string, Func<ConformanceOptions, IEnumerable<ConformanceCase>>> All = new()
    {
        [MatMulOp.OpName] = MatMulCases.All,
        [ExpertMatMulOp.OpName] = ExpertMatMulCases.All,
        [FusedMoeOp.OpName] = FusedMoeCases.All,
        [RouteOp.OpName] = RouteCases.All,
        [RmsNormOp.OpName] = NormCases.All,
        [RopeTableOp.OpName] = RopeTableCases.All,
        [RopeOp.OpName] = RopeCases.All,
        [FlashAttentionOp.OpName] = FlashAttentionCases.All,
        [AttentionScoresOp.OpName] = AttentionScoresCases.All,
        [MaskedSoftmaxOp.OpName] = MaskedSoftmaxCases.All,
        [AttentionValuesOp.OpName] = AttentionValuesCases.All,
        [KvStoreOp.OpName] = KvStoreCases.All,
        [EmbeddingOp.OpName] = EmbeddingCases.All,
        [AddOp.OpName] = ElementwiseCases.Add,
        [MulOp.OpName] = ElementwiseCases.Mul,
        [SumOp.OpName] = ElementwiseCases.Sum,
        [ActivationOp.OpName] = ElementwiseCases.Activation,
        [GatedActivationOp.OpName] = ElementwiseCases.GatedActivation,
        [MultiAddOp.OpName] = StackedCases.MultiAdd,
        [ScaledSlotOp.OpName] = StackedCases.ScaledSlot,
        [SelectRowsOp.OpName] = SelectRowsCases.All,
        [TopLogitsOp.OpName] = TopLogitsCases.All,
        [AddNormOp.OpName] = AddNormCases.All,
        [MatMulGroupOp.OpName] = MatMulGroupCases.All,
        [RopeStoreOp.OpName] = RopeStoreCases.All,
        [MoeSumOp.OpName] = FusedMoeCases.Summed,
    };

    /// <summary>The operations that have cases.</summary>
    public static IReadOnlyCollection<string> Operations => All.Keys;

    /// <summary>An operation's cases, made one by one.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    public static IEnumerable<ConformanceCase> CasesOf(string operation, ConformanceOptions options) => All.TryGetValue(operation, out var cases)
        ? cases(options)
        : throw new ArgumentException($"there are no cases for the operation '{operation}'; known: {string.Join(", ", All.Keys.Order(StringComparer.Ordinal))}", nameof(operation));
}
