using Moe.Inference.Ops;
using Moe.Inference.Testing;

namespace Moe.Inference.Tests.Conformance;

/// <summary>Operations that only fusing makes: their composed forms compute what their cases say.</summary>
public class FusedOperationTests
{
    public static TheoryData<string> Operations => [.. OpConformance.Operations.Except(Context.CreateRegistry().Kernels.Select(kernel => kernel.Operation)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Operations))]
    public void The_composed_form_of_a_fused_operation_conforms(string operation)
    {
        ConformanceReport report = OpConformance.Check(new ComposedKernel(operation), null, new ConformanceOptions { Threads = [2] });
        report.ThrowIfFailed();
        report.Runs.Should().BeGreaterThan(10, $"{report}");
    }
}
