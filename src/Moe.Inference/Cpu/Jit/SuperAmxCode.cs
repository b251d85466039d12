using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>Blocks of 256 weights against 16 tokens. Arithmetic as in <see cref="SuperVnniCode"/>, to the last bit.</summary>
internal sealed class SuperAmxCode(SuperTraits traits) : AmxCode
{
    private const int ChunkBlocks = Tiling.SuperChunk, SlotBytes = 64, BlockLength = 256;

    /// <summary>Where in working memory a token's scales lie; before them, a slot for each token and block.</summary>
    public const int ScalesAt = Tokens * ChunkBlocks * SlotBytes;

    /// <summary>Bytes of working memory.</summary>
    public const int WorkBytes = PassageAt + (2 * SumsBytes);

    private const int PassageAt = ScalesAt + (Tokens * ChunkBlocks * sizeof(float));

    private int MinimumsAt => traits.Groups * RowsBytes;

    private int HeadersAt => MinimumsAt + (traits.HasMinimums ? traits.Groups / 2 * RowsBytes : 0);

    protected override void Body()
    {
        LoadStarted();
        LoadField(Codes, nameof(TilePart.Codes));
        LoadField(Side, nameof(TilePart.Side));
        LoadField(X, nameof(TilePart.X));
        LoadField(Results, nameof(TilePart.Y));
        LoadField(Starts, nameof(TilePart.Work));
        Asm.lea(Scales, __[Starts + ScalesAt]);
        Asm.lea(Passage, __[Starts + PassageAt]);
        LoadField(rsi, nameof(TilePart.Blocks));
        LoadStrides();
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        for (int half = 0; half < 2; half++)
            Block(half);
        Asm.add(Codes, BlockLength / 4 * RowsBytes);
        Asm.add(Side, traits.SideUnits * RowsBytes);
        Asm.add(X, BlockLength);
        Asm.add(Starts, SlotBytes);
        Asm.add(Scales, sizeof(float));
        Asm.kxnorw(k1, k1, k1);
        Asm.dec(rsi);
        Asm.jnz(next);
    }

    private void Block(int half)
    {
        for (int token = 0; token < Tokens; token++)
            Asm.vpxord(Total(token), Total(token), Total(token));
        // The products of the next group are on their way while sums of this one are scaled.
        MultiplyGroup(0, 0, traits.GroupLength, half);
        for (int group = 0; group < traits.Groups; group++)
        {
            if (group + 1 < traits.Groups)
                MultiplyGroup((group + 1) % 2, group + 1, traits.GroupLength, half);
            AddScaled(group, half);
        }
        Finish(half);
    }

    private void AddScaled(int group, int half)
    {
        // Starts of groups of 16: those of even groups first, then those of odd ones.
        int start = traits.GroupLength == 32 ? group : (group / 2) + (group % 2 * 8);
        Asm.vmovdqa64(Free(0), __zmmword_ptr[Side + ((group * RowsBytes) + (half * VectorBytes))]);
        for (int token = 0; token < Tokens; token++)
        {
            AssemblerRegisterZMM sum = Free(1 + (token % 4));
            AssemblerMemoryOperand place = Passage + PassageOf(group % 2, token);
            if (traits.ZeroPoint != 0)
            {
                Asm.vmovdqa64(sum, __zmmword_ptr[place]);
                Asm.vpaddd(sum, sum, __dword_bcst[Starts + ((token * ChunkBlocks * SlotBytes) + (start * sizeof(int)))]);
                Asm.vpmulld(sum, sum, Free(0));
            }
            else
            {
                Asm.vpmulld(sum, Free(0), __zmmword_ptr[place]);
            }
            Asm.vpaddd(Total(token), Total(token), sum);
        }
    }

    // y = scale of the activations · (d·total − m·minimums) + y
    private void Finish(int half)
    {
        const int Pairs = 4;
        (AssemblerRegisterZMM d, AssemblerRegisterZMM m, AssemblerRegisterZMM sum, AssemblerRegisterZMM y) = (Free(0), Free(1), Free(2), Free(3));
        Asm.vmovaps(d, __zmmword_ptr[Side + (HeadersAt + (half * VectorBytes))]);
        if (traits.HasMinimums)
        {
            Asm.vmovaps(m, __zmmword_ptr[Side + (HeadersAt + RowsBytes + (half * VectorBytes))]);
            for (int pair = 0; pair < Pairs; pair++)
                Asm.vmovdqa64(Free(4 + pair), __zmmword_ptr[Side + (MinimumsAt + (pair * RowsBytes) + (half * VectorBytes))]);
        }
        for (int token = 0; token < Tokens; token++)
        {
            Asm.vcvtdq2ps(Total(token), Total(token));
            Asm.vmulps(Total(token), Total(token), d);
            if (traits.HasMinimums)
            {
                Asm.vpxord(sum, sum, sum);
                for (int pair = 0; pair < Pairs; pair++)
                    Asm.vpdpwssd(sum, Free(4 + pair), __dword_bcst[Starts + ((token * ChunkBlocks * SlotBytes) + (pair * sizeof(int)))]);
                Asm.vcvtdq2ps(sum, sum);
                Asm.vfnmadd231ps(Total(token), sum, m);
            }
            Asm.vmovaps(y.k1.z, Result(token, half));
            Asm.vfmadd231ps(y, Total(token), __dword_bcst[Scales + (token * ChunkBlocks * sizeof(float))]);
            Asm.vmovaps(Result(token, half), y);
        }
    }
}
