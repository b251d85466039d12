using System.Runtime.InteropServices;
using Iced.Intel;
using Moe.Inference.Tensors;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the two AVX-512 routines of attention share: keys or values of one head, as they are stored, meet up to four query rows in float32.
/// The argument is the address of a <see cref="AttentionPart"/>.
/// </summary>
/// <param name="width">Elements of a key or value; whole vectors.</param>
/// <param name="rows">Query rows.</param>
/// <param name="stored">What keys and values are stored as: F32, F16 or Q8_0.</param>
internal abstract class AttentionCode(int width, int rows, ElementType stored) : RoutineCode
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

    /// <summary>Bytes of a key or value, as it is stored.</summary>
    protected int StoredRowBytes => (int)ElementLayout.Of(stored).RowBytes(width);

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
        // Only the longer encoding has masks and registers from 16 on.
        Asm.PreferVex = false;
        LoadField(Stored, nameof(AttentionPart.Stored));
        LoadField(rcx, nameof(AttentionPart.Count));
        LoadField(Ahead, nameof(AttentionPart.Ahead));
        LoadField(Floats, nameof(AttentionPart.Floats));
        LoadField(Scores, nameof(AttentionPart.Scores));
        LoadField(r10, nameof(AttentionPart.ScoresStride));
        Asm.lea(r13, __[r10 + (r10 * 2)]);
    }

    /// <summary>Reads a vector of a key or value.</summary>
    /// <param name="vector">Where it goes.</param>
    /// <param name="address">The key or value.</param>
    /// <param name="step">Which of its vectors.</param>
    /// <param name="scale">Where the scale of a block is kept, if blocks have any.</param>
    /// <param name="isFirst">Whether no vector of the same block was read before this one.</param>
    protected void LoadStored(AssemblerRegisterZMM vector, AssemblerRegister64 address, int step, AssemblerRegisterZMM scale, bool isFirst)
    {
        switch (stored)
        {
            case ElementType.F32:
                Asm.vmovups(vector, __zmmword_ptr[address + (step * FloatBytes)]);
                break;
            case ElementType.F16:
                Asm.vcvtph2ps(vector, __ymmword_ptr[address + (step * FloatBytes / 2)]);
                break;
            default:
                LoadBlock(vector, address, step, scale, isFirst);
                break;
        }
    }

    /// <summary>Asks for some of what will be read next: as much as some vectors of some keys or values take.</summary>
    /// <param name="step">The first vector.</param>
    /// <param name="steps">How many.</param>
    /// <param name="count">Of how many keys or values.</param>
    protected void FetchAhead(int step, int steps, int count)
    {
        int bytes = count * StoredRowBytes;
        for (int at = bytes * step / Steps; at < bytes * (step + steps) / Steps; at += LineBytes)
            Asm.prefetcht0(__byte_ptr[Ahead + at]);
    }

    // Of Q8_0: a half, the scale, then the bytes of two vectors. Scale times byte is exact.
    private void LoadBlock(AssemblerRegisterZMM vector, AssemblerRegister64 address, int step, AssemblerRegisterZMM scale, bool isFirst)
    {
        const int ScaleBytes = 2, StepsOfBlock = 2;
        int block = step / StepsOfBlock * (ScaleBytes + (StepsOfBlock * Lanes));
        if (isFirst || step % StepsOfBlock == 0)
        {
            Asm.vpbroadcastw(ymm31, __word_ptr[address + block]);
            Asm.vcvtph2ps(scale, ymm31);
        }
        Asm.vpmovsxbd(vector, __xmmword_ptr[address + (block + ScaleBytes + (step % StepsOfBlock * Lanes))]);
        Asm.vcvtdq2ps(vector, vector);
        Asm.vmulps(vector, vector, scale);
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
