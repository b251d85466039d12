using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>What a context is told beside the placement; a run on several devices is compared with one on the host that was told the same.</summary>
internal sealed record HybridSwitches
{
    public ElementType KvType { get; init; } = ElementType.F16;

    public bool Exact { get; init; }

    public bool FlashAttention { get; init; } = true;

    public bool FusedMoe { get; init; } = true;

    public bool MultiAdd { get; init; } = true;

    public int MicroBatch { get; init; } = 32;

    public int Threads { get; init; } = 1;

    /// <summary>Whether every step is checked while running; the host alone runs without.</summary>
    public bool Validate { get; init; }

    /// <summary>Draws switches.</summary>
    /// <param name="random">Where random numbers come from.</param>
    /// <param name="quantizedKv">Whether key/value memory may be Q8_0.</param>
    public static HybridSwitches Draw(Random random, bool quantizedKv) => new()
    {
        KvType = random.Next(2) == 0 && quantizedKv ? ElementType.Q8_0 : ElementType.F16,
        FlashAttention = random.Next(2) == 0,
        FusedMoe = random.Next(2) == 0,
        MultiAdd = random.Next(2) == 0,
        MicroBatch = random.Next(2) == 0 ? 16 : 32,
        Threads = random.Next(4) == 0 ? 2 : 1,
    };

    /// <summary>The same in float32, where another order of a sum stays as small as it is: nothing is rounded to fewer bits.</summary>
    public HybridSwitches InFloat32() => this with { Exact = true, KvType = ElementType.F32 };

    /// <summary>The options of a context.</summary>
    public ContextOptions Options(int contextLength)
    {
        OpRegistry operations = Context.CreateRegistry();
        foreach ((bool on, string name) in new[] { (FlashAttention, FlashAttentionOp.OpName), (FusedMoe, FusedMoeOp.OpName), (MultiAdd, MultiAddOp.OpName) })
        {
            if (!on)
                operations.Disable(name);
        }

        return new ContextOptions
        {
            ContextLength = contextLength,
            KvCapacity = 3 * contextLength,
            KvType = KvType,
            MicroBatch = MicroBatch,
            Threads = Threads,
            Exact = Exact,
            Validate = Validate,
            Operations = operations,
        };
    }
}
