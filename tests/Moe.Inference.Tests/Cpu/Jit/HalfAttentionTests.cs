using Moe.Inference.Cpu.Jit;
using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Tests.Cpu.Jit;

/// <summary>Attention on halves against the portable products, of which <see cref="HalfAttentionCheck"/> wants every bit.</summary>
public class HalfAttentionTests
{
    [SkippableTheory]
    [InlineData(16, 16)]
    [InlineData(64, 64)]
    [InlineData(80, 112)]
    [InlineData(128, 128)]
    [InlineData(192, 128)]
    [InlineData(576, 512)]
    [InlineData(1024, 1024)]
    public void Rows_of_whole_vectors_give_the_bits_of_the_portable_products(int keyWidth, int valueWidth)
    {
        SkipWithoutPath();
        HalfAttention? products = HalfAttention.For(keyWidth, valueWidth);
        products.Should().NotBeNull(string.Join(", ", JitTiles.Dropped));
        HalfAttentionCheck.Difference(products!, keyWidth, valueWidth).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(8, 16)]
    [InlineData(64, 72)]
    [InlineData(1040, 64)]
    public void Other_rows_are_left_to_the_portable_products(int keyWidth, int valueWidth)
    {
        SkipWithoutPath();
        HalfAttention.For(keyWidth, valueWidth).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(112, 128)]
    [InlineData(128, 112)]
    public void Routines_that_forget_some_elements_are_found_out(int keyWidth, int valueWidth)
    {
        SkipWithoutPath();
        using AssembledRoutines routines = HalfAttention.Assemble(keyWidth, valueWidth);
        HalfAttentionCheck.Difference(new HalfAttention(128, 128, routines), 128, 128).Should().Match("* query rows and * keys give other bits*");
    }

    private static void SkipWithoutPath() => Skip.If(CpuFeatures.Current < CpuPath.Avx512, "no AVX-512");
}
