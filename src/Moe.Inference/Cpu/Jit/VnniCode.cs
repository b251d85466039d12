using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the AVX-512-VNNI routines share: a tile of 32 rows against a fixed number of tokens. Each token has two vectors of sums, one number per
/// row.
/// </summary>
/// <param name="tokens">Tokens, at the most <see cref="MaxTokens"/>.</param>
internal abstract class VnniCode(int tokens) : TileCode
{
    /// <summary>The most tokens that registers have room for.</summary>
    public const int MaxTokens = 6;

    /// <summary>Tokens of this routine.</summary>
    protected int Tokens => tokens;

    /// <summary>Two vectors of weights' codes, or of numbers per row.</summary>
    protected static AssemblerRegisterZMM Rows(int half) => Vector(half);

    /// <summary>One number of a token, repeated.</summary>
    protected static AssemblerRegisterZMM Repeated => Vector(2);

    /// <summary>Vectors for any purpose.</summary>
    protected static AssemblerRegisterZMM Free(int index) => Vector(3 + index);

    /// <summary>Sums of products of a group.</summary>
    protected static AssemblerRegisterZMM Sum(int token, int half) => Vector(8 + (2 * token) + half);

    /// <summary>Totals of a token.</summary>
    protected static AssemblerRegisterZMM Total(int token, int half) => Vector(20 + (2 * token) + half);

    /// <summary>Activations of tokens.</summary>
    protected static TokenAddress X { get; } = new(r8, r9, r10);

    /// <summary>Scales of activations.</summary>
    protected static TokenAddress Scales { get; } = new(r13, r14, r10);

    protected override void Body()
    {
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        Group();
        LoadField(rax, nameof(TilePart.XStride));
        Asm.imul(rax, rax, Tokens);
        foreach (string field in new[] { nameof(TilePart.X), nameof(TilePart.Sums), nameof(TilePart.Scales) })
            Asm.add(__qword_ptr[Argument + OffsetOf(field)], rax);
        Asm.add(__qword_ptr[Argument + OffsetOf(nameof(TilePart.Y))], Tokens * RowsBytes);
        Asm.dec(__qword_ptr[Argument + OffsetOf(nameof(TilePart.Groups))]);
        Asm.jnz(next);
    }

    /// <summary>A tile against a group of tokens.</summary>
    protected abstract void Group();

    /// <summary>Prepares the addresses of tokens.</summary>
    protected void LoadAddresses(TokenAddress address, string field)
    {
        LoadField(address.First, field);
        Asm.lea(address.Fourth, __[address.First + (address.Stride * 2)]);
        Asm.add(address.Fourth, address.Stride);
    }

    /// <summary>Steps of four weights: codes of all rows times four activations of each token, added to the sums.</summary>
    /// <param name="first">The first step, for the offsets.</param>
    /// <param name="steps">How many.</param>
    protected void AddProducts(int first, int steps)
    {
        for (int step = first; step < first + steps; step++)
        {
            for (int half = 0; half < 2; half++)
                Asm.vmovdqa64(Rows(half), __zmmword_ptr[Codes + ((step * RowsBytes) + (half * VectorBytes))]);
            for (int token = 0; token < Tokens; token++)
            {
                Asm.vpbroadcastd(Repeated, __dword_ptr[X.Of(token) + (step * 4)]);
                for (int half = 0; half < 2; half++)
                    Asm.vpdpbusd(Sum(token, half), Rows(half), Repeated);
            }
        }
    }

    /// <summary>Zeros in the sums.</summary>
    protected void ClearSums()
    {
        for (int token = 0; token < Tokens; token++)
        {
            for (int half = 0; half < 2; half++)
                Asm.vpxord(Sum(token, half), Sum(token, half), Sum(token, half));
        }
    }

    /// <summary>One number of a token in both of its sums.</summary>
    protected void StartSums(int token, AssemblerMemoryOperand number)
    {
        Asm.vpbroadcastd(Sum(token, 0), number);
        Asm.vmovdqa64(Sum(token, 1), Sum(token, 0));
    }
}
