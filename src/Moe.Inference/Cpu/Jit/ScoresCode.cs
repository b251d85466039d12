using Iced.Intel;
using Moe.Inference.Tensors;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>
/// scores[row][key] = scale · query_row · key, four keys at a time. Lane i sums elements i, i + 16, … in order, then lanes are added as
/// <see cref="Simd.Lanes512.Sum"/> adds them, so that bits are those of the portable products.
/// </summary>
/// <inheritdoc/>
internal sealed class ScoresCode(int width, int rows, ElementType stored) : AttentionCode(width, rows, stored)
{
    private const int Keys = 4;

    // Lanes that hold the four sums in the end: the first one of each quarter.
    private const int FirstOfQuarters = 0x1111;

    private static readonly AssemblerRegister64[] KeyAddresses = [rax, rdx, r8, r9];

    private static AssemblerRegisterZMM Query => Vector(20);

    private static AssemblerRegisterZMM Scale => Vector(21);

    private static AssemblerRegisterZMM Sum(int row, int key) => Vector((row * Keys) + key);

    private static AssemblerRegisterZMM Key(int key) => Vector(16 + key);

    private static AssemblerRegisterZMM BlockScale(int key) => Vector(24 + key);

    protected override void Body()
    {
        LoadFields();
        Asm.vbroadcastss(Scale, __dword_ptr[Argument + OffsetOf(nameof(AttentionPart.Scale))]);
        Asm.mov(r12d, FirstOfQuarters);
        Asm.kmovw(k2, r12d);
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        LoadKeyAddresses();
        for (int row = 0; row < Rows; row++)
        {
            for (int key = 0; key < Keys; key++)
                Asm.vpxord(Sum(row, key), Sum(row, key), Sum(row, key));
        }
        for (int step = 0; step < Steps; step++)
            AddProducts(step);
        for (int row = 0; row < Rows; row++)
            Finish(row);
        Asm.add(Stored, Keys * StoredRowBytes);
        Asm.add(Ahead, Keys * StoredRowBytes);
        Asm.add(Scores, Keys * sizeof(float));
        Asm.sub(Left, Keys);
        Asm.jg(next);
    }

    // Behind the last key it is taken again; k1 says which results count.
    private void LoadKeyAddresses()
    {
        for (int key = 1; key < Keys; key++)
        {
            (AssemblerRegister64 before, AssemblerRegister64 address) = (KeyAddresses[key - 1], KeyAddresses[key]);
            Asm.lea(address, __[before + StoredRowBytes]);
            Asm.cmp(Left, key);
            Asm.cmovle(address, before);
        }
        Asm.mov(r14d, Keys);
        Asm.cmp(Left, r14d);
        Asm.cmovl(r14d, Left);
        Asm.mov(r12d, -1);
        Asm.bzhi(r12d, r12d, r14d);
        Asm.kmovw(k1, r12d);
    }

    private void AddProducts(int step)
    {
        for (int key = 0; key < Keys; key++)
            LoadStored(Key(key), KeyAddresses[key], step, BlockScale(key), step == 0);
        FetchAhead(step, 1, Keys);
        for (int row = 0; row < Rows; row++)
        {
            Asm.vmovups(Query, __zmmword_ptr[Floats + ((row * FloatRowBytes) + (step * FloatBytes))]);
            for (int key = 0; key < Keys; key++)
                Asm.vfmadd231ps(Sum(row, key), Key(key), Query);
        }
    }

    // Sixteen lanes become eight, four, two, one, for all four keys side by side: the lower half plus the upper half each time.
    private void Finish(int row)
    {
        (AssemblerRegisterZMM a, AssemblerRegisterZMM b) = Halve(row, 0, Key(0), Key(1));
        (AssemblerRegisterZMM c, AssemblerRegisterZMM d) = Halve(row, 2, Key(2), Key(3));
        Asm.vaddps(a, a, b);
        Asm.vaddps(c, c, d);
        Asm.vshuff64x2(b, a, c, 0x88);
        Asm.vshuff64x2(d, a, c, 0xDD);
        Asm.vaddps(a, b, d);
        Asm.vpermilps(b, a, 0x4E);
        Asm.vaddps(a, a, b);
        Asm.vpermilps(b, a, 0xB1);
        Asm.vaddps(a, a, b);
        Asm.vmulps(a, a, Scale);
        Asm.vcompressps(zmm22.k2.z, a);
        Asm.vmovups(ScoresOf(row).k1, xmm22);
    }

    // The lower halves of two sums, and their upper halves.
    private (AssemblerRegisterZMM Lower, AssemblerRegisterZMM Upper) Halve(int row, int key, AssemblerRegisterZMM lower, AssemblerRegisterZMM upper)
    {
        (AssemblerRegisterZMM first, AssemblerRegisterZMM second) = (Sum(row, key), Sum(row, key + 1));
        Asm.vshuff64x2(lower, first, second, 0x44);
        Asm.vshuff64x2(upper, first, second, 0xEE);
        return (lower, upper);
    }
}
