using System.Runtime.InteropServices;
using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>A routine of one argument, the address of a <see cref="TilePart"/> of 32 rows; keeps the registers that callers want kept.</summary>
internal abstract class TileCode
{
    /// <summary>Bytes of codes or numbers of all rows, and of half of them.</summary>
    protected const int RowsBytes = 128, VectorBytes = 64;

    private static readonly AssemblerRegisterZMM[] Vectors =
    [
        zmm0, zmm1, zmm2, zmm3, zmm4, zmm5, zmm6, zmm7, zmm8, zmm9, zmm10, zmm11, zmm12, zmm13, zmm14, zmm15,
        zmm16, zmm17, zmm18, zmm19, zmm20, zmm21, zmm22, zmm23, zmm24, zmm25, zmm26, zmm27, zmm28, zmm29, zmm30, zmm31,
    ];

    private static readonly AssemblerRegister64[] Saved = [rbx, rbp, rsi, rdi, r12, r13, r14, r15];

    // Windows wants these back, too.
    private static readonly AssemblerRegisterXMM[] SavedVectors = [xmm6, xmm7, xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15];

    /// <summary>The instructions so far.</summary>
    protected Assembler Asm { get; } = new(64);

    /// <summary>The argument.</summary>
    protected static AssemblerRegister64 Part => rdi;

    /// <summary>The address of codes.</summary>
    protected static AssemblerRegister64 Codes => rax;

    /// <summary>The address of what is beside the codes.</summary>
    protected static AssemblerRegister64 Side => rdx;

    /// <summary>The address of results.</summary>
    protected static AssemblerRegister64 Results => rbx;

    /// <summary>The machine code.</summary>
    public byte[] Assemble()
    {
        Enter();
        Body();
        Leave();
        return Bytes();
    }

    /// <summary>Everything between entry and return.</summary>
    protected abstract void Body();

    /// <summary>The instructions so far as machine code.</summary>
    protected byte[] Bytes()
    {
        using MemoryStream code = new();
        Asm.Assemble(new StreamCodeWriter(code), 0);
        return code.ToArray();
    }

    /// <summary>A vector register.</summary>
    protected static AssemblerRegisterZMM Vector(int index) => Vectors[index];

    /// <summary>Where half of the results of a token lie.</summary>
    protected static AssemblerMemoryOperand Result(int token, int half) => __zmmword_ptr[Results + ((token * RowsBytes) + (half * VectorBytes))];

    /// <summary>Where a field of the argument lies.</summary>
    protected static int OffsetOf(string field) => (int)Marshal.OffsetOf<TilePart>(field);

    /// <summary>Reads a field of the argument.</summary>
    protected void LoadField(AssemblerRegister64 register, string field) => Asm.mov(register, __[Part + OffsetOf(field)]);

    /// <summary>k1: all lanes where results are added to, none where they start anew.</summary>
    protected void LoadStarted()
    {
        Asm.mov(ecx, __dword_ptr[Part + OffsetOf(nameof(TilePart.Started))]);
        Asm.kmovw(k1, ecx);
    }

    private void Enter()
    {
        foreach (AssemblerRegister64 register in Saved)
            Asm.push(register);
        if (!OperatingSystem.IsWindows())
            return;
        Asm.sub(rsp, 16 * SavedVectors.Length);
        for (int i = 0; i < SavedVectors.Length; i++)
            Asm.vmovups(__xmmword_ptr[rsp + (16 * i)], SavedVectors[i]);
        Asm.mov(Part, rcx);
    }

    private void Leave()
    {
        Asm.vzeroupper();
        if (OperatingSystem.IsWindows())
        {
            for (int i = 0; i < SavedVectors.Length; i++)
                Asm.vmovups(SavedVectors[i], __xmmword_ptr[rsp + (16 * i)]);
            Asm.add(rsp, 16 * SavedVectors.Length);
        }
        foreach (AssemblerRegister64 register in Saved.Reverse())
            Asm.pop(register);
        Asm.ret();
    }
}
