using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>A routine of one argument, an address; keeps the registers that callers want kept.</summary>
internal abstract class RoutineCode
{
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
    protected static AssemblerRegister64 Argument => rdi;

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

    private void Enter()
    {
        foreach (AssemblerRegister64 register in Saved)
            Asm.push(register);
        if (!OperatingSystem.IsWindows())
            return;
        Asm.sub(rsp, 16 * SavedVectors.Length);
        for (int i = 0; i < SavedVectors.Length; i++)
            Asm.vmovups(__xmmword_ptr[rsp + (16 * i)], SavedVectors[i]);
        Asm.mov(Argument, rcx);
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
