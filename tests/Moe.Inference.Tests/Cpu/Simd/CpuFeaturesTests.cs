using Moe.Inference.Cpu.Simd;

namespace Moe.Inference.Tests.Cpu.Simd;

public class CpuFeaturesTests
{
    [Fact]
    public void Takes_the_fastest_path_unless_told() => CpuFeatures.Choose(null).Should().Be(CpuFeatures.Available.Last(path => path != CpuPath.Amx), "AMX is taken on request only");

    [Theory]
    [InlineData("scalar")]
    [InlineData("SCALAR")]
    public void Takes_the_path_that_is_named(string name) => CpuFeatures.Choose(name).Should().Be(CpuPath.Scalar);

    [Fact]
    public void Refuses_a_name_it_does_not_know() =>
        ((Action)(() => CpuFeatures.Choose("sse9"))).Should().Throw<CpuPathException>().WithMessage("*sse9*unknown*scalar*").Which.Requested.Should().Be("sse9");

    [Fact]
    public void Knows_which_paths_this_machine_lacks()
    {
        foreach (CpuPath path in Enum.GetValues<CpuPath>())
        {
            Action choose = () => CpuFeatures.Choose(path.ToString()).Should().Be(path);
            if (CpuFeatures.Available.Contains(path))
                choose.Should().NotThrow();
            else
                choose.Should().Throw<CpuPathException>().WithMessage("*does not have*");
        }
    }
}
