using Moe.Inference.Cpu.Jit;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Cpu.Jit;

/// <summary>Assembled attention against the portable products, of which <see cref="AttentionCheck"/> wants every bit.</summary>
public class AttentionRoutinesTests
{
    [SkippableTheory]
    [InlineData(16, 16, ElementType.F16)]
    [InlineData(16, 16, ElementType.F32)]
    [InlineData(32, 32, ElementType.Q8_0)]
    [InlineData(64, 64, ElementType.F16)]
    [InlineData(64, 64, ElementType.F32)]
    [InlineData(64, 64, ElementType.Q8_0)]
    [InlineData(80, 112, ElementType.F16)]
    [InlineData(80, 112, ElementType.F32)]
    [InlineData(96, 160, ElementType.Q8_0)]
    [InlineData(128, 128, ElementType.F16)]
    [InlineData(128, 128, ElementType.F32)]
    [InlineData(128, 128, ElementType.Q8_0)]
    [InlineData(192, 128, ElementType.F16)]
    [InlineData(192, 128, ElementType.F32)]
    [InlineData(192, 128, ElementType.Q8_0)]
    [InlineData(576, 512, ElementType.F16)]
    [InlineData(576, 512, ElementType.F32)]
    [InlineData(576, 512, ElementType.Q8_0)]
    [InlineData(1024, 1024, ElementType.F16)]
    [InlineData(1024, 1024, ElementType.F32)]
    [InlineData(1024, 1024, ElementType.Q8_0)]
    public void Rows_of_whole_vectors_give_the_bits_of_the_portable_products(int keyWidth, int valueWidth, ElementType stored)
    {
        SkipWithoutPath();
        AttentionRoutines? products = AttentionRoutines.For(keyWidth, valueWidth, stored);
        products.Should().NotBeNull(string.Join(", ", JitTiles.Dropped));
        AttentionCheck.Difference(products!, keyWidth, valueWidth).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(8, 16, ElementType.F16)]
    [InlineData(8, 16, ElementType.F32)]
    [InlineData(80, 112, ElementType.Q8_0)]
    [InlineData(64, 72, ElementType.F16)]
    [InlineData(64, 72, ElementType.F32)]
    [InlineData(64, 72, ElementType.Q8_0)]
    [InlineData(1040, 64, ElementType.F16)]
    [InlineData(1040, 64, ElementType.F32)]
    [InlineData(1040, 64, ElementType.Q8_0)]
    public void Other_rows_are_left_to_the_portable_products(int keyWidth, int valueWidth, ElementType stored)
    {
        SkipWithoutPath();
        AttentionRoutines.For(keyWidth, valueWidth, stored).Should().BeNull();
    }

    [SkippableTheory]
    [InlineData(112, 128, ElementType.F16)]
    [InlineData(112, 128, ElementType.F32)]
    [InlineData(96, 128, ElementType.Q8_0)]
    [InlineData(128, 112, ElementType.F16)]
    [InlineData(128, 112, ElementType.F32)]
    [InlineData(128, 96, ElementType.Q8_0)]
    public void Routines_that_forget_some_elements_are_found_out(int keyWidth, int valueWidth, ElementType stored)
    {
        SkipWithoutPath();
        using AssembledRoutines routines = AttentionRoutines.Assemble(keyWidth, valueWidth, stored);
        AttentionCheck.Difference(new AttentionRoutines(128, 128, stored, routines), 128, 128).Should().Match("* query rows and * keys give other bits*");
    }

    private static void SkipWithoutPath() => Skip.If(CpuFeatures.Current < CpuPath.Avx512, "no AVX-512");
}
