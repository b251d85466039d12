using System.Runtime.InteropServices;
using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>A routine whose argument is the address of a <see cref="TilePart"/> of 32 rows.</summary>
internal abstract class TileCode : RoutineCode
{
    /// <summary>Bytes of codes or numbers of all rows, and of half of them.</summary>
    protected const int RowsBytes = 128, VectorBytes = 64;

    /// <summary>The address of codes.</summary>
    protected static AssemblerRegister64 Codes => rax;

    /// <summary>The address of what is beside the codes.</summary>
    protected static AssemblerRegister64 Side => rdx;

    /// <summary>The address of results.</summary>
    protected static AssemblerRegister64 Results => rbx;

    /// <summary>Where half of the results of a token lie.</summary>
    protected static AssemblerMemoryOperand Result(int token, int half) => __zmmword_ptr[Results + ((token * RowsBytes) + (half * VectorBytes))];

    /// <summary>Where a field of the argument lies.</summary>
    protected static int OffsetOf(string field) => (int)Marshal.OffsetOf<TilePart>(field);

    /// <summary>Reads a field of the argument.</summary>
    protected void LoadField(AssemblerRegister64 register, string field) => Asm.mov(register, __[Argument + OffsetOf(field)]);

    /// <summary>k1: all lanes where results are added to, none where they start anew.</summary>
    protected void LoadStarted()
    {
        Asm.mov(ecx, __dword_ptr[Argument + OffsetOf(nameof(TilePart.Started))]);
        Asm.kmovw(k1, ecx);
    }
}
