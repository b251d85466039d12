using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Speed;

/// <summary>A product of Qwen3-30B-A3B.</summary>
/// <param name="Name">Which.</param>
/// <param name="Type">The weights' type.</param>
/// <param name="Width">Elements of a row of activations.</param>
/// <param name="Rows">Rows of the matrix; of a hidden row where it is a mixture of experts.</param>
/// <param name="Experts">Experts, or 0.</param>
/// <param name="Used">Experts that a token chooses.</param>
/// <param name="MostTokens">More do not occur.</param>
internal sealed record ProductShape(string Name, ElementType Type, int Width, int Rows, int Experts = 0, int Used = 0, int MostTokens = int.MaxValue)
{
    private const int ModelWidth = 2048, Heads = 4096, KvHeads = 512, Hidden = 768, AllExperts = 128, UsedExperts = 8, Vocabulary = 151936, MostOutputs = 64;

    /// <summary>All of them.</summary>
    public static IEnumerable<ProductShape> All(ElementType type) =>
    [
        new("q", type, ModelWidth, Heads),
        new("k", type, ModelWidth, KvHeads),
        new("o", type, Heads, ModelWidth),
        new("router", ElementType.F32, ModelWidth, AllExperts),
        new("moe", type, ModelWidth, Hidden, AllExperts, UsedExperts),
        new("output", type, ModelWidth, Vocabulary, MostTokens: MostOutputs),
    ];

    /// <summary>The operation with its operands.</summary>
    public GraphNode Node()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.AddInput("x", ValueShape.Floats(RowCount.Tokens, Width));
        if (Experts == 0)
            return builder.AddNode(Name, new MatMulOp(), [x], [new Weight("matrix", Type, Width, Rows)]);
        GraphValue ids = builder.AddInput("ids", new ValueShape(ElementType.I32, RowCount.Tokens, Used));
        return builder.AddNode(Name, new FusedMoeOp(Used, ActivationKind.Silu), [x, ids],
            [new Weight("gate", Type, Width, Rows, Experts), new Weight("up", Type, Width, Rows, Experts), new Weight("down", Type, Rows, Width, Experts)]);
    }
}
