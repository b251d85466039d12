using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Planning.Fusions;

/// <summary>Normalization, if any, and rotation of queries, the same of keys, and the store of keys and values.</summary>
internal sealed class RopeStoreFusion : IFusion
{
    public string Operation => RopeStoreOp.OpName;

    public FusedNodes? Match(ReadOnlySpan<GraphNode> nodes)
    {
        int at = 0;
        if (Rotation.Match(nodes, ref at) is not { } queries || Rotation.Match(nodes, ref at) is not { } keys || at >= nodes.Length || nodes[at].Operation is not KvStoreOp)
            return null;
        GraphNode store = nodes[at];
        bool alike = queries.Op == keys.Op && queries.Table == keys.Table && (queries.Norm is null) == (keys.Norm is null) && queries.Epsilon == keys.Epsilon;
        if (!alike || store.Inputs[0] != keys.Result)
            return null;
        return new FusedNodes(
            at + 1,
            store.Label,
            new RopeStoreOp(queries.Op.HeadWidth, queries.Op.Style, queries.Epsilon),
            [queries.Source, keys.Source, store.Inputs[1], queries.Table, store.Inputs[2]],
            queries.Norm is null ? [] : [queries.Norm, keys.Norm!],
            [queries.Result],
            store.Kv);
    }

    private sealed record Rotation(GraphValue Source, Weight? Norm, float Epsilon, RopeOp Op, GraphValue Table, GraphValue Result)
    {
        public static Rotation? Match(ReadOnlySpan<GraphNode> nodes, ref int at)
        {
            GraphNode? norm = at < nodes.Length && nodes[at].Operation is RmsNormOp ? nodes[at++] : null;
            if (at >= nodes.Length || nodes[at] is not { Operation: RopeOp op } rope || (norm is not null && (rope.Inputs[0] != norm.Outputs[0] || norm.Weights[0].Width != op.HeadWidth)))
                return null;
            at++;
            return new Rotation((norm ?? rope).Inputs[0], norm?.Weights[0], (norm?.Operation as RmsNormOp)?.Epsilon ?? 0, op, rope.Inputs[1], rope.Outputs[0]);
        }
    }
}
