using Iced.Intel;
using Moe.Inference.Cpu.Simd;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// What the AMX routines share: 16 tokens against a tile of 32 rows, half of the rows at a time. A tile register of activations (16 tokens by
/// the bytes of a group) times one of codes (the same bytes of 16 rows) gives 16 by 16 sums, which go through memory to vectors.
/// </summary>
internal abstract class AmxCode : TileCode
{
    /// <summary>Tokens of a routine.</summary>
    public const int Tokens = 16;

    /// <summary>Bytes of 16 by 16 sums.</summary>
    protected const int SumsBytes = 1024;

    private static readonly AssemblerRegisterTMM[] Sums = [tmm0, tmm1], Activations = [tmm2, tmm3], Weights = [tmm4, tmm5];

    /// <summary>Where starts of sums, or sums of activations, lie.</summary>
    protected static AssemblerRegister64 Starts => r11;

    /// <summary>Where scales of activations lie.</summary>
    protected static AssemblerRegister64 Scales => r13;

    /// <summary>Where sums of products pass through memory.</summary>
    protected static AssemblerRegister64 Passage => r14;

    /// <summary>Activations of the first token, and bytes to the next one's.</summary>
    protected static AssemblerRegister64 X => r8;

    private static AssemblerRegister64 XStride => r10;

    private static AssemblerRegister64 CodeStride => rcx;

    private static AssemblerRegister64 SumStride => r15;

    /// <summary>The configuration of tile registers for groups of a length, as <c>ldtilecfg</c> reads it: 64 bytes.</summary>
    public static byte[] Configuration(int groupLength)
    {
        const int BytesAt = 16, RowsAt = 48, VectorLength = 64;
        byte[] configuration = new byte[64];
        configuration[0] = 1; // the palette of eight registers of 16 rows of 64 bytes
        for (int i = 0; i < 2; i++)
        {
            Shape(i, 16, VectorLength);
            Shape(2 + i, Tokens, groupLength);
            Shape(4 + i, groupLength / 4, VectorLength);
        }
        return configuration;

        void Shape(int register, int rows, int bytes)
        {
            configuration[BytesAt + (2 * register)] = (byte)bytes;
            configuration[RowsAt + register] = (byte)rows;
        }
    }

    /// <summary>A routine that configures the tile registers from the address it is given.</summary>
    public static byte[] Configure() => new Bare(asm => asm.ldtilecfg(__[rdi])).AssembleBare();

    /// <summary>A routine that gives the tile registers back.</summary>
    public static byte[] Release() => new Bare(asm => asm.tilerelease()).AssembleBare();

    /// <summary>Sets the registers that stay as they are.</summary>
    protected void LoadStrides()
    {
        LoadField(XStride, nameof(TilePart.XStride));
        Asm.mov(ecx, RowsBytes);
        Asm.mov(r15d, VectorBytes);
    }

    /// <summary>Products of a group, to one of two places in memory.</summary>
    /// <param name="place">0 or 1.</param>
    /// <param name="group">The group, from the address of activations and codes.</param>
    /// <param name="length">Weights of a group.</param>
    /// <param name="half">The half of the rows.</param>
    protected void MultiplyGroup(int place, int group, int length, int half)
    {
        Asm.tilezero(Sums[place]);
        Asm.tileloadd(Activations[place], __[X + XStride + (group * length)]);
        Asm.tileloadd(Weights[place], __[Codes + CodeStride + ((group * length / 4 * RowsBytes) + (half * VectorBytes))]);
        Asm.tdpbsud(Sums[place], Activations[place], Weights[place]);
        Asm.tilestored(__[Passage + SumStride + (place * SumsBytes)], Sums[place]);
    }

    /// <summary>Sums of a token, in memory.</summary>
    protected static int PassageOf(int place, int token) => (place * SumsBytes) + (token * VectorBytes);

    /// <summary>Totals of a token.</summary>
    protected static AssemblerRegisterZMM Total(int token) => Vector(token);

    /// <summary>Vectors for any purpose.</summary>
    protected static AssemblerRegisterZMM Free(int index) => Vector(Tokens + index);

    private sealed class Bare(Action<Assembler> body) : TileCode
    {
        public byte[] AssembleBare()
        {
            body(Asm);
            Asm.ret();
            return Bytes();
        }

        protected override void Body() => body(Asm);
    }
}
