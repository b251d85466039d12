using Iced.Intel;
using Moe.Inference.Tensors;
using static Iced.Intel.AssemblerRegisters;

namespace Moe.Inference.Cpu.Jit;

/// <summary>sums[row] += Σ weights[row][key] · value_key, in the order of keys; some vectors of all rows at a time.</summary>
/// <inheritdoc/>
internal sealed class ValuesCode(int width, int rows, ElementType stored) : AttentionCode(width, rows, stored)
{
    private const int MostSums = 16, MostSteps = 8;

    private int StepsAtOnce => Math.Min(MostSteps, MostSums / Rows);

    private AssemblerRegisterZMM Sum(int row, int step) => Vector((row * StepsAtOnce) + step);

    private static AssemblerRegisterZMM Value(int step) => Vector(16 + step);

    private static AssemblerRegisterZMM Weight(int row) => Vector(24 + row);

    private static AssemblerRegisterZMM BlockScale => Vector(28);

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
            LoadField(Stored, nameof(AttentionPart.Stored));
            LoadField(rcx, nameof(AttentionPart.Count));
            LoadField(Ahead, nameof(AttentionPart.Ahead));
            LoadField(Scores, nameof(AttentionPart.Scores));
        }
        for (int row = 0; row < Rows; row++)
        {
            for (int step = 0; step < count; step++)
                Asm.vmovups(Sum(row, step), SumOf(row, first + step));
        }
        Label next = Asm.CreateLabel();
        Asm.Label(ref next);
        AddKey(first, count);
        Asm.add(Stored, StoredRowBytes);
        Asm.add(Ahead, StoredRowBytes);
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
            LoadStored(Value(step), Stored, first + step, BlockScale, step == 0);
        FetchAhead(first, count, 1);
        for (int row = 0; row < Rows; row++)
        {
            Asm.vbroadcastss(Weight(row), ScoresOf(row));
            for (int step = 0; step < count; step++)
                Asm.vfmadd231ps(Sum(row, step), Value(step), Weight(row));
        }
    }

    private AssemblerMemoryOperand SumOf(int row, int step) => __zmmword_ptr[Floats + ((row * FloatRowBytes) + (step * FloatBytes))];
}
