using Moe.Inference.Cpu.Jit;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Tests.Cpu.Jit;

/// <summary>Assembled attention against the portable products, of which <see cref="AttentionCheck"/> wants every bit.</summary>
public class AttentionRoutinesTests
{
    [SkippableTheory]
    [InlineData(16, 16, true)]
    [InlineData(16, 16, false)]
    [InlineData(64, 64, true)]
    [InlineData(64, 64, false)]
    [InlineData(80, 112, true)]
    [InlineData(80, 112, false)]
    [InlineData(128, 128, true)]
    [InlineData(128, 128, false)]
    [InlineData(192, 128, true)]
    [InlineData(192, 128, false)]
    [InlineData(576, 512, true)]
    [InlineData(576, 512, false)]
    [InlineData(1024, 1024, true)]
    [InlineData(1024, 1024, false)]
    public void Rows_of_whole_vectors_give_the_bits_of_the_portable_products(int keyWidth, int valueWidth, bool halves)
    {
        SkipWithoutPath();
        AttentionRoutines? products = AttentionRoutines.For(keyWidth, valueWidth, halves);
        products.Should().NotBeNull(string.Join(", ", JitTiles.Dropped));
        AttentionCheck.Difference(products!, keyWidth, valueWidth).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(8, 16, true)]
    [InlineData(8, 16, false)]
    [InlineData(64, 72, true)]
    [InlineData(64, 72, false)]
    [InlineData(1040, 64, true)]
    [InlineData(1040, 64, false)]
    public void Other_rows_are_left_to_the_portable_products(int keyWidth, int valueWidth, bool halves)
    {
        SkipWithoutPath();
        AttentionRoutines.For(keyWidth, valueWidth, halves).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(112, 128, true)]
    [InlineData(112, 128, false)]
    [InlineData(128, 112, true)]
    [InlineData(128, 112, false)]
    public void Routines_that_forget_some_elements_are_found_out(int keyWidth, int valueWidth, bool halves)
    {
        SkipWithoutPath();
        using AssembledRoutines routines = AttentionRoutines.Assemble(keyWidth, valueWidth, halves);
        AttentionCheck.Difference(new AttentionRoutines(128, 128, halves, routines), 128, 128).Should().Match("* query rows and * keys give other bits*");
    }

    private static void SkipWithoutPath() => Skip.If(CpuFeatures.Current < CpuPath.Avx512, "no AVX-512");
}
