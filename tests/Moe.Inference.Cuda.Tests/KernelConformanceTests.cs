using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests;

/// <summary>Every CUDA kernel against its operation's definition in float64.</summary>
public class KernelConformanceTests
{
    public static TheoryData<string> Operations => [.. new OpRegistry().AddCudaKernels().Kernels.Select(kernel => kernel.Operation).Order(StringComparer.Ordinal)];

    [SkippableTheory]
    [MemberData(nameof(Operations))]
    public void The_kernel_of_an_operation_computes_its_definition(string operation)
    {
        CudaDevice device = TestGpu.Require();
        IKernel kernel = new OpRegistry().AddCudaKernels().Find(operation, "CUDA")!;
        using IBackend backend = device.Open();
        long before = device.AllocatedBytes;
        OpConformance.Check(kernel, backend).ThrowIfFailed();
        device.AllocatedBytes.Should().Be(before, "a check gives back what it allocates");
    }
}
