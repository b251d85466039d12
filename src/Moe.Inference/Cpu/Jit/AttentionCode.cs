using System.Runtime.InteropServices;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the two AVX-512 routines of attention share: keys or values of one head, as halves or as floats, meet up to four query rows in
/// float32. The argument is the address of a <see cref="AttentionPart"/>.
/// </summary>
/// <param name="width">Elements of a key or value; whole vectors.</param>
/// <param name="rows">Query rows.</param>
/// <param name="halves">Whether keys and values are halves; otherwise floats.</param>
internal abstract class AttentionCode(int width, int rows, bool halves) : RoutineCode
{
    /// <summary>Elements that are converted at once.</summary>
    public const int Lanes = 16;

    /// <summary>The most query rows of a routine.</summary>
    public const int MaxRows = 4;

    /// <summary>Bytes of a vector of floats, and of a cache line.</summary>
    protected const int FloatBytes = 64, LineBytes = 64;

    /// <summary>Query rows.</summary>
    protected int Rows => rows;

    /// <summary>Vectors of a row.</summary>
    protected int Steps => width / Lanes;

    /// <summary>Bytes of a vector of a key or value, as it is stored.</summary>
    protected int StoredBytes => halves ? FloatBytes / 2 : FloatBytes;

    /// <summary>Bytes of a key or value, as it is stored.</summary>
    protected int StoredRowBytes => Steps * StoredBytes;

    /// <summary>Bytes of a row of floats.</summary>
    protected int FloatRowBytes => width * 4;

    /// <summary>The address of keys or values.</summary>
    protected static AssemblerRegister64 Stored => rax;

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
        LoadField(Stored, nameof(AttentionPart.Stored));
        LoadField(rcx, nameof(AttentionPart.Count));
        LoadField(Ahead, nameof(AttentionPart.Ahead));
        LoadField(Floats, nameof(AttentionPart.Floats));
        LoadField(Scores, nameof(AttentionPart.Scores));
        LoadField(r10, nameof(AttentionPart.ScoresStride));
        Asm.lea(r13, __[r10 + (r10 * 2)]);
    }

    /// <summary>Reads a vector of a key or value.</summary>
    protected void LoadStored(AssemblerRegisterZMM vector, AssemblerRegister64 address, int offset)
    {
        if (halves)
            Asm.vcvtph2ps(vector, __ymmword_ptr[address + offset]);
        else
            Asm.vmovups(vector, __zmmword_ptr[address + offset]);
    }

    /// <summary>Asks for some of what will be read next.</summary>
    protected void FetchAhead(int offset, int bytes)
    {
        for (int at = 0; at < bytes; at += LineBytes)
            Asm.prefetcht0(__byte_ptr[Ahead + (offset + at)]);
    }

    /// <summary>Where a field of the argument lies.</summary>
    protected static int OffsetOf(string field) => (int)Marshal.OffsetOf<AttentionPart>(field);

    /// <summary>Where a query row's scores lie.</summary>
    protected static AssemblerMemoryOperand ScoresOf(int row) => row switch
    {
        0 => __[Scores + 0],
        1 => __[Scores + r10],
        2 => __[Scores + (r10 * 2)],
        _ => __[Scores + r13],
    };
}
