using Moe.Inference.Cpu.Jit;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.Cpu.Simd;

namespace Moe.Inference.Tests.Cpu.Jit;

public class JitTilesTests
{
    private const int Rows = 67, Tokens = 130;

    public static TheoryData<ElementType, string> Formats
    {
        get
        {
            TheoryData<ElementType, string> all = [];
            foreach (ElementType type in QuantFormats.Types.Where(type => ElementLayout.Of(type).BlockLength > 1))
            {
                foreach (CpuPath path in CpuFeatures.Available.Where(path => path != CpuPath.Scalar))
                    all.Add(type, path.ToString());
            }
            return all;
        }
    }

    [Theory]
    [MemberData(nameof(Formats))]
    public void Tiles_agree_with_float64_for_any_number_of_tokens_and_rows(ElementType type, string path)
    {
        int k = ElementLayout.Of(type).BlockLength == 32 ? 1120 : 1280;
        KernelCase all = new(WeightKernels.For(type, Enum.Parse<CpuPath>(path), exact: false), Rows, Tokens, k, seed: 5);
        float[] together = all.Run();
        for (int token = 0; token < Tokens; token++)
        {
            for (int row = 0; row < Rows; row += token % 7 == 0 ? 1 : 11)
            {
                (double value, double magnitude) = all.Reference(row, token);
                Math.Abs(together[(token * Rows) + row] - value).Should().BeLessThanOrEqualTo(1e-5 * magnitude, $"row {row}, token {token}");
            }
        }
        for (int tokens = 1; tokens <= Tokens; tokens++)
            SamePart(all, together, tokens % 5, Rows - (tokens % 5) - (tokens % 3), Tokens - tokens, tokens);
        for (int rows = 1; rows <= Rows; rows++)
            SamePart(all, together, Rows - rows, rows, rows % 9, 20 + (rows % 7));
    }

    [SkippableFact]
    public void All_formats_use_assembled_code_where_the_machine_has_the_instructions()
    {
        Skip.IfNot(JitFeatures.HasVnni512, "no AVX-512-VNNI");
        foreach (ElementType type in QuantFormats.Types)
            WeightKernels.For(type, CpuPath.Avx512, exact: false);
        JitTiles.Dropped.Keys.Where(name => !name.StartsWith("test", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [SkippableFact]
    public void Code_that_gives_wrong_numbers_is_dropped_with_a_reason()
    {
        Skip.IfNot(JitFeatures.HasVnni512, "no AVX-512-VNNI");
        // Q6_K's zero point is 32: taking 64 off is wrong by a little.
        JitTiles.Checked(ElementType.Q6_K, "test wrong", () => Super(new SuperTraits(16, 64, false)), new PortableSuperKernel<Q6_K>()).Should().BeNull();
        JitTiles.Dropped["test wrong tiles for Q6_K"].Should().Match("row *, token * gives * where the portable kernel gives *");
        JitTiles.Checked(ElementType.Q6_K, "test right", () => Super(new SuperTraits(16, 32, false)), new PortableSuperKernel<Q6_K>()).Should().NotBeNull();
        JitTiles.Dropped.Should().NotContainKey("test right tiles for Q6_K");
    }

    [SkippableTheory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void The_check_sees_a_mistake_in_the_code_for_any_number_of_tokens(int wrong)
    {
        Skip.IfNot(JitFeatures.HasVnni512, "no AVX-512-VNNI");
        Tiles tiles = new Tiles<SuperTileFormat<Q6_K, JitShape>>(new VnniTileProduct(
            new AssembledRoutines([.. Enumerable.Range(1, VnniCode.MaxTokens).Select(tokens => new SuperVnniCode(new SuperTraits(16, tokens == wrong ? 64 : 32, false), tokens).Assemble())]),
            SuperVnniCode.WorkBytes));
        TileCheck.Difference(tiles, new PortableSuperKernel<Q6_K>()).Should().NotBeNull();
    }

    [Fact]
    public void A_machine_that_refuses_is_told()
    {
        JitTiles.Checked(ElementType.Q4_K, "test refused", () => throw new NotSupportedException("no executable memory today"), new PortableSuperKernel<Q4_K>()).Should().BeNull();
        JitTiles.Dropped["test refused tiles for Q4_K"].Should().Be("no executable memory today");
    }

    private static Tiles<SuperTileFormat<Q6_K, JitShape>> Super(SuperTraits traits) => new(new VnniTileProduct(
        new AssembledRoutines([.. Enumerable.Range(1, VnniCode.MaxTokens).Select(tokens => new SuperVnniCode(traits, tokens).Assemble())]), SuperVnniCode.WorkBytes));

    private static void SamePart(KernelCase all, float[] together, int firstRow, int rows, int firstToken, int tokens)
    {
        float[] part = all.Run(firstRow, rows, firstToken, tokens);
        for (int t = 0; t < tokens; t++)
        {
            ReadOnlySpan<float> wanted = together.AsSpan(((firstToken + t) * Rows) + firstRow, rows);
            if (!part.AsSpan(t * rows, rows).SequenceEqual(wanted))
                Assert.Fail($"token {t} of {tokens} from {firstToken}, {rows} rows from {firstRow}");
        }
    }
}
