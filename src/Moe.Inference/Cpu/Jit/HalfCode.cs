using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the two AVX-512 routines of attention share: rows of halves, keys or values of one head, meet up to four query rows in float32. The
/// argument is the address of a <see cref="HalfPart"/>.
/// </summary>
/// <param name="width">Elements of a row of halves; whole vectors.</param>
/// <param name="rows">Query rows.</param>
internal abstract class HalfCode(int width, int rows) : RoutineCode
{
    /// <summary>Elements that are converted at once.</summary>
    public const int Lanes = 16;

    /// <summary>The most query rows of a routine.</summary>
    public const int MaxRows = 4;

    /// <summary>Bytes of a vector as halves and as floats, and of a cache line.</summary>
    protected const int HalfBytes = 32, FloatBytes = 64, LineBytes = 64;

    /// <summary>Query rows.</summary>
    protected int Rows => rows;

    /// <summary>Vectors of a row.</summary>
    protected int Steps => width / Lanes;

    /// <summary>Bytes of a row of halves and of a row of floats.</summary>
    protected int HalfRowBytes => width * 2;

    /// <inheritdoc cref="HalfRowBytes"/>
    protected int FloatRowBytes => width * 4;

    /// <summary>The address of halves.</summary>
    protected static AssemblerRegister64 Halves => rax;

    /// <summary>The address of what is fetched ahead.</summary>
    protected static AssemblerRegister64 Ahead => r11;

    /// <summary>The address of floats.</summary>
    protected static AssemblerRegister64 Floats => rsi;

    /// <summary>The address of a key's scores.</summary>
    protected static AssemblerRegister64 Scores => rbx;

    /// <summary>Keys that are left.</summary>
    protected static AssemblerRegister32 Left => ecx;

    /// <summary>Reads a field of the argument.</summary>
    protected void LoadField(AssemblerRegister64 register, string field) => Asm.mov(register, __[Argument + OffsetOf(field)]);

    /// <summary>Reads what both routines need.</summary>
    protected void LoadFields()
    {
        LoadField(Halves, nameof(HalfPart.Halves));
        LoadField(rcx, nameof(HalfPart.Count));
        LoadField(Ahead, nameof(HalfPart.Ahead));
        LoadField(Floats, nameof(HalfPart.Floats));
        LoadField(Scores, nameof(HalfPart.Scores));
        LoadField(r10, nameof(HalfPart.ScoresStride));
        Asm.lea(r13, __[r10 + (r10 * 2)]);
    }

    /// <summary>Where a field of the argument lies.</summary>
    protected static int OffsetOf(string field) => (int)Marshal.OffsetOf<HalfPart>(field);

    /// <summary>Where a query row's scores lie.</summary>
    protected static AssemblerMemoryOperand ScoresOf(int row) => row switch
    {
        0 => __[Scores + 0],
        1 => __[Scores + r10],
        2 => __[Scores + (r10 * 2)],
        _ => __[Scores + r13],
    };
}
