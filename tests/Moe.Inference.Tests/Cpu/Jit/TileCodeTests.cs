using Iced.Intel;
using Moe.Inference.Cpu.Jit;

namespace Moe.Inference.Tests.Cpu.Jit;

/// <summary>Assembled code, decoded: what it is made of, on machines that cannot run it, too.</summary>
public class TileCodeTests
{
    public static TheoryData<int, int, bool> SuperFormats => new()
    {
        { 32, 0, true },
        { 16, 32, false },
        { 32, 128, false },
        { 16, 128, false },
    };

    [Theory]
    [MemberData(nameof(SuperFormats))]
    public void Amx_code_for_super_blocks_multiplies_every_group_of_both_halves_once(int groupLength, int zeroPoint, bool minimums)
    {
        SuperTraits traits = new(groupLength, zeroPoint, minimums);
        List<Instruction> code = Decode(new SuperAmxCode(traits).Assemble());
        CheckAmx(code, groupLength, 2 * traits.Groups, bytesOfABlock: 256);
        code.Count(each => each.Mnemonic == Mnemonic.Vpdpwssd).Should().Be(minimums ? 2 * 16 * 4 : 0);
        code.Count(each => each.Mnemonic == Mnemonic.Vpmulld).Should().Be(2 * 16 * traits.Groups);
    }

    [Fact]
    public void Amx_code_for_small_blocks_multiplies_both_halves_once() => CheckAmx(Decode(new SmallAmxCode().Assemble()), 32, 2, bytesOfABlock: 32);

    [Theory]
    [InlineData(16)]
    [InlineData(32)]
    public void The_configuration_has_the_shapes_of_the_factors(int groupLength)
    {
        byte[] configuration = AmxCode.Configuration(groupLength);
        configuration.Should().HaveCount(64);
        configuration[0].Should().Be(1, "there is one palette");
        // Sums 16 × 16 ints; activations 16 tokens × a group; codes a group / 4 × 16 rows of four.
        (int Rows, int Bytes)[] shapes = [.. Enumerable.Range(0, 8).Select(i => ((int)configuration[48 + i], configuration[16 + (2 * i)] + (256 * configuration[17 + (2 * i)])))];
        shapes.Should().Equal((16, 64), (16, 64), (16, groupLength), (16, groupLength), (groupLength / 4, 64), (groupLength / 4, 64), (0, 0), (0, 0));
        configuration.Where((_, i) => i is > 0 and < 16 or >= 56 or (>= 32 and < 48)).Should().AllBeEquivalentTo((byte)0, "reserved bytes must be zero");
    }

    [Fact]
    public void Tile_registers_are_configured_and_given_back()
    {
        Decode(AmxCode.Configure()).Select(each => each.Mnemonic).Should().Equal(Mnemonic.Ldtilecfg, Mnemonic.Ret);
        Decode(AmxCode.Release()).Select(each => each.Mnemonic).Should().Equal(Mnemonic.Tilerelease, Mnemonic.Ret);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Vnni_code_multiplies_every_step_of_every_token(int tokens)
    {
        // Two vectors of rows a token; eight steps of four weights, of a block of 32 or of one turn of the loop over groups.
        foreach (byte[] code in new[] { new SmallVnniCode(128, tokens).Assemble(), new SuperVnniCode(new SuperTraits(32, 0, true), tokens).Assemble() })
        {
            List<Instruction> instructions = Decode(code);
            CheckFrame(instructions);
            instructions.Count(each => each.Mnemonic == Mnemonic.Vpdpbusd).Should().Be(8 * 2 * tokens);
            instructions.SelectMany(each => each.CpuidFeatures).Distinct().Should().BeSubsetOf(
                [CpuidFeature.INTEL386, CpuidFeature.INTEL8086, CpuidFeature.X64, CpuidFeature.BMI2, CpuidFeature.AVX, CpuidFeature.AVX512F, CpuidFeature.AVX512BW,
                    CpuidFeature.AVX512DQ, CpuidFeature.AVX512VL, CpuidFeature.AVX512_VNNI],
                "CPUID is asked for no others");
        }
    }

    private static void CheckAmx(List<Instruction> code, int groupLength, int products, int bytesOfABlock)
    {
        CheckFrame(code);
        List<Instruction> tiles = [.. code.Where(each => each.CpuidFeatures.Contains(CpuidFeature.AMX_TILE) || each.CpuidFeatures.Contains(CpuidFeature.AMX_INT8))];
        tiles.Count(each => each.Mnemonic == Mnemonic.Tdpbsud).Should().Be(products, "signed activations times unsigned codes");
        (int steps, HashSet<(ulong Activations, ulong Codes)> seen) = (0, []);
        for (int i = 0; i < tiles.Count; i += 5)
        {
            (Instruction zero, Instruction x, Instruction w, Instruction product, Instruction store) = (tiles[i], tiles[i + 1], tiles[i + 2], tiles[i + 3], tiles[i + 4]);
            new[] { zero, x, w, product, store }.Select(each => each.Mnemonic).Should().Equal(
                Mnemonic.Tilezero, Mnemonic.Tileloadd, Mnemonic.Tileloadd, Mnemonic.Tdpbsud, Mnemonic.Tilestored);
            new[] { product.Op0Register, product.Op1Register, product.Op2Register }.Should().Equal(zero.Op0Register, x.Op0Register, w.Op0Register);
            store.Op1Register.Should().Be(zero.Op0Register);
            seen.Add((x.MemoryDisplacement64, w.MemoryDisplacement64));
            steps++;
        }
        steps.Should().Be(products);
        seen.Should().HaveCount(products, "each product has factors of its own");
        foreach ((ulong activations, ulong codes) in seen)
        {
            (activations % (ulong)groupLength).Should().Be(0);
            activations.Should().BeLessThan((ulong)bytesOfABlock);
            // Four weights of 32 rows are 128 bytes; half of the rows 64.
            (codes / 128).Should().Be(activations / 4, "both factors are of the same weights");
            (codes % 64).Should().Be(0);
        }
    }

    private static void CheckFrame(List<Instruction> code)
    {
        code.Should().NotContain(each => each.Mnemonic == Mnemonic.INVALID);
        code[^1].Mnemonic.Should().Be(Mnemonic.Ret);
        code.Count(each => each.Mnemonic == Mnemonic.Ret).Should().Be(1);
        IEnumerable<Register> pushed = code.Where(each => each.Mnemonic == Mnemonic.Push).Select(each => each.Op0Register);
        code.Where(each => each.Mnemonic == Mnemonic.Pop).Select(each => each.Op0Register).Should().Equal(pushed.Reverse());
        InstructionInfoFactory info = new();
        HashSet<Register> kept = [.. pushed, Register.RSP];
        Register[] callees = [Register.RBX, Register.RBP, Register.R12, Register.R13, Register.R14, Register.R15];
        foreach (Instruction each in code)
        {
            foreach (UsedRegister used in info.GetInfo(each).GetUsedRegisters())
            {
                Register whole = used.Register.GetFullRegister();
                if (used.Access is OpAccess.Write or OpAccess.ReadWrite or OpAccess.CondWrite && callees.Contains(whole))
                    kept.Should().Contain(whole, $"callers want it back: {each}");
            }
        }
    }

    private static List<Instruction> Decode(byte[] code)
    {
        List<Instruction> instructions = [];
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(code));
        while (decoder.IP < (ulong)code.Length)
            instructions.Add(decoder.Decode());
        return instructions;
    }
}
