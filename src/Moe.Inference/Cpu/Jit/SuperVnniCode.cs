using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>What assembled code must know of a format with blocks of 256 weights.</summary>
/// <param name="GroupLength">Weights that share an integer scale: 16 or 32.</param>
/// <param name="ZeroPoint">What is to be subtracted from each code: 0 or a power of two.</param>
/// <param name="HasMinimums">Whether groups, of 32, have minimums.</param>
internal readonly record struct SuperTraits(int GroupLength, int ZeroPoint, bool HasMinimums)
{
    /// <summary>Groups of a block.</summary>
    public int Groups => 256 / GroupLength;

    /// <summary>32-bit numbers per row and block beside the codes.</summary>
    public int SideUnits => Groups + (HasMinimums ? Groups / 2 : 0) + 2;
}

/// <summary>
/// Blocks of 256 weights. Sums of a group start at what the zero point adds to them, negative; they are multiplied by the group's scale and
/// added as ints; a block's sum becomes one float multiply-add. The arithmetic of <see cref="SuperKernel{T, R}"/>, to the last bit.
/// </summary>
internal sealed class SuperVnniCode(SuperTraits traits, int tokens) : VnniCode(tokens)
{
    // Working memory, per token and block: 16 starts of sums as ints.
    private const int SlotBytes = 64;
    private const int ChunkBlocks = Tiling.SuperChunk;
    private const int HalfGroups = 8; // of 32 weights in a block

    /// <summary>Bytes of working memory.</summary>
    public const int WorkBytes = MaxTokens * ChunkBlocks * SlotBytes;

    private static AssemblerRegister64 Work => r11;

    // Sums of activations, where there are minimums; then there is no zero point, and working memory is not needed.
    private static TokenAddress PairSums { get; } = new(r11, r12, r10);

    private int MinimumsAt => traits.Groups * RowsBytes;

    private int HeadersAt => MinimumsAt + (traits.HasMinimums ? traits.Groups / 2 * RowsBytes : 0);

    protected override void Group()
    {
        LoadStarted();
        LoadField(r10, nameof(TilePart.XStride));
        if (traits.HasMinimums)
            LoadAddresses(PairSums, nameof(TilePart.Sums));
        else
            Prepare();
        LoadField(Codes, nameof(TilePart.Codes));
        LoadField(Side, nameof(TilePart.Side));
        LoadAddresses(X, nameof(TilePart.X));
        LoadAddresses(Scales, nameof(TilePart.Scales));
        LoadField(Results, nameof(TilePart.Y));
        LoadField(rsi, nameof(TilePart.Blocks));
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        Block();
        Asm.add(Side, traits.SideUnits * RowsBytes);
        if (traits.HasMinimums)
        {
            Asm.add(PairSums.First, traits.Groups * sizeof(short));
            Asm.add(PairSums.Fourth, traits.Groups * sizeof(short));
        }
        else
        {
            Asm.add(Work, SlotBytes);
        }
        Asm.add(r13, 4);
        Asm.add(r14, 4);
        Asm.kxnorw(k1, k1, k1);
        Asm.dec(rsi);
        Asm.jnz(next);
    }

    // Starts of sums, once for all rows: they need the sums of 16 groups of activations of each token and block.
    private void Prepare()
    {
        LoadField(Work, nameof(TilePart.Work));
        if (traits.ZeroPoint == 0)
            return;
        LoadAddresses(X, nameof(TilePart.Sums));
        LoadField(rsi, nameof(TilePart.Blocks));
        Asm.mov(rcx, Work);
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        for (int token = 0; token < Tokens; token++)
        {
            AssemblerMemoryOperand slot = rcx + (token * ChunkBlocks * SlotBytes);
            Asm.vpmovsxwd(zmm3, __ymmword_ptr[X.Of(token)]);
            if (traits.GroupLength == 32)
            {
                Asm.vextracti64x4(ymm4, zmm3, 1);
                Asm.vpaddd(ymm3, ymm3, ymm4);
            }
            Asm.vpslld(zmm3, zmm3, (byte)System.Numerics.BitOperations.Log2((uint)traits.ZeroPoint));
            Asm.vpxord(zmm4, zmm4, zmm4);
            Asm.vpsubd(zmm3, zmm4, zmm3);
            Asm.vmovdqa64(__zmmword_ptr[slot], zmm3);
        }
        Asm.add(r8, 32);
        Asm.add(r9, 32);
        Asm.add(rcx, SlotBytes);
        Asm.dec(rsi);
        Asm.jnz(next);
    }

    private void Block()
    {
        for (int token = 0; token < Tokens; token++)
        {
            for (int half = 0; half < 2; half++)
                Asm.vpxord(Total(token, half), Total(token, half), Total(token, half));
        }
        Asm.mov(r15, Side);
        if (!traits.HasMinimums)
            Asm.mov(r12, Work);
        Asm.mov(ecx, HalfGroups);
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        int steps = traits.GroupLength / 4, groups = 32 / traits.GroupLength;
        for (int group = 0; group < groups; group++)
        {
            // Sums of activations of groups of 16: those of even groups first, then those of odd ones.
            Start(group * HalfGroups * sizeof(int));
            AddProducts(group * steps, steps);
            AddScaled(group * RowsBytes);
        }
        Asm.add(Codes, 8 * RowsBytes);
        Asm.add(r15, groups * RowsBytes);
        if (!traits.HasMinimums)
            Asm.add(r12, sizeof(int));
        Asm.add(r8, 32);
        Asm.add(r9, 32);
        Asm.dec(ecx);
        Asm.jnz(next);
        Finish();
    }

    private void Start(int offset)
    {
        if (traits.ZeroPoint == 0)
        {
            ClearSums();
            return;
        }
        for (int token = 0; token < Tokens; token++)
            StartSums(token, __dword_ptr[r12 + ((token * ChunkBlocks * SlotBytes) + offset)]);
    }

    private void AddScaled(int offset)
    {
        for (int half = 0; half < 2; half++)
            Asm.vmovdqa64(Free(half), __zmmword_ptr[r15 + (offset + (half * VectorBytes))]);
        for (int token = 0; token < Tokens; token++)
        {
            for (int half = 0; half < 2; half++)
            {
                Asm.vpmulld(Sum(token, half), Sum(token, half), Free(half));
                Asm.vpaddd(Total(token, half), Total(token, half), Sum(token, half));
            }
        }
    }

    // y = scale of the activations · (d·total − m·minimums) + y
    private void Finish()
    {
        if (traits.HasMinimums)
            AddMinimums();
        for (int half = 0; half < 2; half++)
        {
            Asm.vmovaps(Rows(half), __zmmword_ptr[Side + (HeadersAt + (half * VectorBytes))]);
            if (traits.HasMinimums)
                Asm.vmovaps(Free(half), __zmmword_ptr[Side + (HeadersAt + RowsBytes + (half * VectorBytes))]);
        }
        for (int token = 0; token < Tokens; token++)
        {
            Asm.vbroadcastss(Repeated, __dword_ptr[Scales.Of(token)]);
            for (int half = 0; half < 2; half++)
                FinishVector(token, half);
        }
    }

    private void FinishVector(int token, int half)
    {
        (AssemblerRegisterZMM total, AssemblerRegisterZMM sum, AssemblerRegisterZMM y) = (Total(token, half), Sum(token, half), Free(2));
        Asm.vcvtdq2ps(total, total);
        Asm.vmulps(total, total, Rows(half));
        if (traits.HasMinimums)
        {
            Asm.vcvtdq2ps(sum, sum);
            Asm.vfnmadd231ps(total, sum, Free(half));
        }
        Asm.vmovaps(y.k1.z, Result(token, half));
        Asm.vfmadd231ps(y, total, Repeated);
        Asm.vmovaps(Result(token, half), y);
    }

    // Pairs of minimums with pairs of sums of activations, in the sums.
    private void AddMinimums()
    {
        ClearSums();
        for (int pair = 0; pair < traits.Groups / 2; pair++)
        {
            for (int half = 0; half < 2; half++)
                Asm.vmovdqa64(Rows(half), __zmmword_ptr[Side + (MinimumsAt + (pair * RowsBytes) + (half * VectorBytes))]);
            for (int token = 0; token < Tokens; token++)
            {
                Asm.vpbroadcastd(Repeated, __dword_ptr[PairSums.Of(token) + (pair * sizeof(int))]);
                for (int half = 0; half < 2; half++)
                    Asm.vpdpwssd(Sum(token, half), Rows(half), Repeated);
            }
        }
    }
}
