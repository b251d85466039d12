using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>sums[row] += Σ weights[row][key] · value_key, in the order of keys; some vectors of all rows at a time.</summary>
/// <inheritdoc/>
internal sealed class HalfValuesCode(int width, int rows) : HalfCode(width, rows)
{
    private const int MostSums = 16, MostSteps = 8;

    private int StepsAtOnce => Math.Min(MostSteps, MostSums / Rows);

    private AssemblerRegisterZMM Sum(int row, int step) => Vector((row * StepsAtOnce) + step);

    private static AssemblerRegisterZMM Value(int step) => Vector(16 + step);

    private static AssemblerRegisterZMM Weight(int row) => Vector(24 + row);

    protected override void Body()
    {
        LoadFields();
        for (int first = 0; first < Steps; first += StepsAtOnce)
            AddSteps(first, Math.Min(StepsAtOnce, Steps - first));
    }

    private void AddSteps(int first, int count)
    {
        if (first > 0)
        {
            LoadField(Halves, nameof(HalfPart.Halves));
            LoadField(rcx, nameof(HalfPart.Count));
            LoadField(Ahead, nameof(HalfPart.Ahead));
            LoadField(Scores, nameof(HalfPart.Scores));
        }
        for (int row = 0; row < Rows; row++)
        {
            for (int step = 0; step < count; step++)
                Asm.vmovups(Sum(row, step), SumOf(row, first + step));
        }
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        AddKey(first, count);
        Asm.add(Halves, HalfRowBytes);
        Asm.add(Ahead, HalfRowBytes);
        Asm.add(Scores, sizeof(float));
        Asm.dec(Left);
        Asm.jnz(next);
        for (int row = 0; row < Rows; row++)
        {
            for (int step = 0; step < count; step++)
                Asm.vmovups(SumOf(row, first + step), Sum(row, step));
        }
    }

    private void AddKey(int first, int count)
    {
        for (int step = 0; step < count; step++)
            Asm.vcvtph2ps(Value(step), __ymmword_ptr[Halves + ((first + step) * HalfBytes)]);
        for (int at = 0; at < count * HalfBytes; at += LineBytes)
            Asm.prefetcht0(__byte_ptr[Ahead + ((first * HalfBytes) + at)]);
        for (int row = 0; row < Rows; row++)
        {
            Asm.vbroadcastss(Weight(row), ScoresOf(row));
            for (int step = 0; step < count; step++)
                Asm.vfmadd231ps(Sum(row, step), Value(step), Weight(row));
        }
    }

    private AssemblerMemoryOperand SumOf(int row, int step) => __zmmword_ptr[Floats + ((row * FloatRowBytes) + (step * FloatBytes))];
}
