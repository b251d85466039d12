using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Blocks of 32 weights against 16 tokens. Arithmetic as in <see cref="SmallVnniCode"/>, to the last bit.</summary>
internal sealed class SmallAmxCode : AmxCode
{
    private const int SlotBytes = 64, BlockLength = 32;

    /// <summary>Where in working memory the tokens' scales lie, a slot for each; before them, slots of starts of sums.</summary>
    public const int ScalesAt = Tokens * SlotBytes;

    /// <summary>Bytes of working memory.</summary>
    public const int WorkBytes = PassageAt + SumsBytes;

    private const int PassageAt = 2 * ScalesAt;

    protected override void Body()
    {
        LoadStarted();
        LoadField(Results, nameof(TilePart.Y));
        LoadField(Passage, nameof(TilePart.Work));
        Asm.add(Passage, PassageAt);
        LoadStrides();
        for (int half = 0; half < 2; half++)
        {
            LoadField(Codes, nameof(TilePart.Codes));
            LoadField(Side, nameof(TilePart.Side));
            LoadField(X, nameof(TilePart.X));
            LoadField(Starts, nameof(TilePart.Work));
            Asm.lea(Scales, __[Starts + ScalesAt]);
            LoadField(rsi, nameof(TilePart.Blocks));
            for (int token = 0; token < Tokens; token++)
                Asm.vmovaps(Total(token).k1.z, Result(token, half));
            Label next = Asm.CreateLabel();
            Asm.Label(ref next);
            Block(half);
            Asm.add(Codes, BlockLength / 4 * RowsBytes);
            Asm.add(Side, RowsBytes);
            Asm.add(X, BlockLength);
            Asm.add(Starts, sizeof(int));
            Asm.add(Scales, sizeof(float));
            Asm.dec(rsi);
            Asm.jnz(next);
            for (int token = 0; token < Tokens; token++)
                Asm.vmovaps(Result(token, half), Total(token));
        }
    }

    private void Block(int half)
    {
        MultiplyGroup(0, 0, BlockLength, half);
        Asm.vmovaps(Free(0), __zmmword_ptr[Side + (half * VectorBytes)]);
        for (int token = 0; token < Tokens; token++)
        {
            (AssemblerRegisterZMM sum, AssemblerRegisterZMM scale) = (Free(1 + (token % 4)), Free(5 + (token % 4)));
            Asm.vmovdqa64(sum, __zmmword_ptr[Passage + PassageOf(0, token)]);
            Asm.vpaddd(sum, sum, __dword_bcst[Starts + (token * SlotBytes)]);
            Asm.vcvtdq2ps(sum, sum);
            Asm.vmulps(scale, Free(0), __dword_bcst[Scales + (token * SlotBytes)]);
            Asm.vfmadd231ps(Total(token), sum, scale);
        }
    }
}
