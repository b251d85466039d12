using System.Runtime.InteropServices;
using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the AVX-512-VNNI routines share: a function of one argument, the address of a <see cref="TilePart"/>, that multiplies a tile of 32
/// rows with a fixed number of tokens. Each token has two vectors of sums, one number per row.
/// </summary>
internal abstract class VnniCode
{
    /// <summary>The most tokens that registers have room for.</summary>
    public const int MaxTokens = 6;

    /// <summary>Bytes of codes or numbers of all rows.</summary>
    protected const int RowsBytes = 128, VectorBytes = 64;

    private static readonly AssemblerRegisterZMM[] Vectors =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    private static readonly AssemblerRegister64[] Saved = [rbx, rbp, rsi, rdi, r12, r13, r14, r15];

    protected VnniCode(int tokens) => Tokens = tokens;

    /// <summary>Tokens of this routine.</summary>
    protected int Tokens { get; }

    /// <summary>The instructions so far.</summary>
    protected Assembler Asm { get; } = new(64);

    /// <summary>Two vectors of weights' codes, or of numbers per row.</summary>
    protected static AssemblerRegisterZMM Rows(int half) => Vectors[half];

    /// <summary>One number of a token, repeated.</summary>
    protected static AssemblerRegisterZMM Repeated => zmm2;

    /// <summary>Vectors for any purpose.</summary>
    protected static AssemblerRegisterZMM Free(int index) => Vectors[3 + index];

    /// <summary>Sums of products of a group.</summary>
    protected static AssemblerRegisterZMM Sum(int token, int half) => Vectors[8 + (2 * token) + half];

    /// <summary>Totals of a token.</summary>
    protected static AssemblerRegisterZMM Total(int token, int half) => Vectors[20 + (2 * token) + half];

    /// <summary>The argument.</summary>
    protected static AssemblerRegister64 Part => rdi;

    protected static AssemblerRegister64 Codes => rax;

    protected static AssemblerRegister64 Side => rdx;

    protected static TokenAddress X { get; } = new(r8, r9, r10);

    protected static TokenAddress Y { get; } = new(rbx, rbp, r12);

    protected static TokenAddress Scales { get; } = new(r13, r14, r10);

    /// <summary>The machine code.</summary>
    public byte[] Assemble()
    {
        Enter();
        Body();
        Leave();
        using MemoryStream code = new();
        Asm.Assemble(new StreamCodeWriter(code), 0);
        return code.ToArray();
    }

    /// <summary>Everything between entry and return.</summary>
    protected abstract void Body();

    /// <summary>Reads a field of the argument.</summary>
    protected void LoadField(AssemblerRegister64 register, string field) => Asm.mov(register, __[Part + OffsetOf(field)]);

    protected static int OffsetOf(string field) => (int)Marshal.OffsetOf<TilePart>(field);

    /// <summary>Prepares the addresses of tokens.</summary>
    protected void LoadAddresses(TokenAddress address, string field, string? stride)
    {
        LoadField(address.First, field);
        if (stride is not null)
            LoadField(address.Stride, stride);
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

    /// <summary>Masks of rows whose results so far are read (k1, k2) and of rows whose results are written (k3, k4).</summary>
    protected void LoadMasks()
    {
        Asm.mov(ecx, __dword_ptr[Part + OffsetOf(nameof(TilePart.StartedRows))]);
        Asm.kmovd(k1, ecx);
        Asm.kshiftrd(k2, k1, 16);
        Asm.mov(ecx, __dword_ptr[Part + OffsetOf(nameof(TilePart.WantedRows))]);
        Asm.kmovd(k3, ecx);
        Asm.kshiftrd(k4, k3, 16);
    }

    private void Enter()
    {
        foreach (AssemblerRegister64 register in Saved)
            Asm.push(register);
        if (OperatingSystem.IsWindows())
        {
            Asm.sub(rsp, 160);
            for (int i = 0; i < 10; i++)
                Asm.vmovups(__xmmword_ptr[rsp + (16 * i)], XmmSaved(i));
            Asm.mov(Part, rcx);
        }
    }

    private void Leave()
    {
        Asm.vzeroupper();
        if (OperatingSystem.IsWindows())
        {
            for (int i = 0; i < 10; i++)
                Asm.vmovups(XmmSaved(i), __xmmword_ptr[rsp + (16 * i)]);
            Asm.add(rsp, 160);
        }
        foreach (AssemblerRegister64 register in Saved.Reverse())
            Asm.pop(register);
        Asm.ret();
    }

    // Windows wants xmm6 to xmm15 back.
    private static AssemblerRegisterXMM XmmSaved(int index) =>
        new[] { xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15 }[index];
}
