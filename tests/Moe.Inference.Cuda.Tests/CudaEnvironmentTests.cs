namespace Moe.Inference.Cuda.Tests;

public class CudaEnvironmentTests
{
    [Fact]
    public void A_machine_without_a_driver_is_told_so_and_nothing_breaks()
    {
        string[] before = [.. LoadedTorch()];
        CudaEnvironment found = CudaEnvironment.Probe();
        found.IsUsable.Should().Be(found.Missing.Count == 0);
        if (!found.HasDriver)
            found.Missing.Should().ContainSingle();
        if (!found.HasDriver)
            found.Missing[0].Should().Contain("driver").And.MatchRegex(@"libcuda\.so\.1|nvcuda\.dll");
        LoadedTorch().Should().BeEquivalentTo(before, "looking must not load libtorch");
    }

    private static IEnumerable<string> LoadedTorch()
    {
        using System.Diagnostics.Process self = System.Diagnostics.Process.GetCurrentProcess();
        return [.. self.Modules.Cast<System.Diagnostics.ProcessModule>().Select(module => module.ModuleName).Where(name => name.Contains("torch", StringComparison.OrdinalIgnoreCase) && !name.EndsWith(".dll", StringComparison.Ordinal))];
    }
}
