using Moe.Inference.Ops;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Conformance;

public class BuiltInKernelTests
{
    public static TheoryData<string> Operations => new(Context.CreateRegistry().Kernels.Select(kernel => kernel.Operation).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Operations))]
    public void A_built_in_kernel_conforms(string operation)
    {
        IKernel kernel = Context.CreateRegistry().Find(operation, Moe.Inference.Tensors.Device.CpuKind)!;
        ConformanceReport report = OpConformance.Check(kernel);
        report.ThrowIfFailed();
        report.Runs.Should().BeGreaterThan(10, $"{report}");
    }

    [Fact]
    public void Every_operation_with_a_kernel_has_cases() =>
        OpConformance.Operations.Should().Contain(Context.CreateRegistry().Kernels.Select(kernel => kernel.Operation));
}
