using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Tiles by assembled AMX routines, 16 tokens at a time; another product takes the rest.</summary>
/// <param name="routines">What <see cref="Assemble"/> makes.</param>
/// <param name="groupLength">Weights of a group.</param>
/// <param name="activations">What the routines want to know of activations.</param>
/// <param name="rest">The product for the tokens that are left.</param>
internal sealed unsafe class AmxTileProduct(AssembledRoutines routines, int groupLength, AmxActivations activations, TileProduct rest) : TileProduct
{
    private const int Configure = 0, Release = 1, MultiplyGroup = 2;
    private readonly byte[] _configuration = AmxCode.Configuration(groupLength);

    public override int WorkBytes => Math.Max(activations.WorkBytes, rest.WorkBytes);

    public override void Multiply(in TilePart part, int tokens)
    {
        int groups = tokens / AmxCode.Tokens, left = tokens % AmxCode.Tokens;
        if (groups > 0)
        {
            fixed (byte* configuration = _configuration)
                ((delegate* unmanaged[SuppressGCTransition]<byte*, void>)routines[Configure])(configuration);
            for (int group = 0; group < groups; group++)
            {
                TilePart sixteen = part.Skip(group * AmxCode.Tokens, 2 * JitShape.Count);
                activations.Prepare(sixteen);
                ((delegate* unmanaged[SuppressGCTransition]<TilePart*, void>)routines[MultiplyGroup])(&sixteen);
            }
            ((delegate* unmanaged[SuppressGCTransition]<void>)routines[Release])();
        }
        if (left > 0)
            rest.Multiply(part.Skip(groups * AmxCode.Tokens, 2 * JitShape.Count), left);
        GC.KeepAlive(routines);
    }

    /// <summary>The routines around one that multiplies 16 tokens.</summary>
    /// <exception cref="NotSupportedException">The system refuses executable memory.</exception>
    public static AssembledRoutines Assemble(AmxCode multiply) => new(AmxCode.Configure(), AmxCode.Release(), multiply.Assemble());
}
