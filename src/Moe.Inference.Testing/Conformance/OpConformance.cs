using Moe.Inference.Cpu;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;
using Moe.Inference.Testing.Conformance;

namespace Moe.Inference.Testing;

/// <summary>
/// Checks a kernel against its operation's definition, computed independently in float64. Beside the numbers it checks what a kernel must
/// leave alone: outputs start as NaN and must be written completely and no further, inputs and weights must keep their bytes, and the
/// memory around every operand, scratch memory included, must stay as it was. Scratch memory starts as NaN, too; every case runs twice, the
/// second time with whatever the first left there.
/// </summary>
/// <remarks>
/// Tolerances are bounds derived from the arithmetic, not fitted to any kernel. With u = 2⁻²⁴, a float32 sum of n terms may be off by
/// (n + 8)·u·Σ|term| in whatever order it is formed. Where activations may be rounded to 8 bits (<see cref="KernelOptions.Exact"/> is
/// false and weights come in blocks), each activation may be off by amax / 254, half a step when the greatest magnitude of its block
/// becomes 127, which adds Σ|w|·amax / 254; no such allowance is made for activations that the 8-bit steps hold exactly, and the cases
/// contain many of those. Each family of operations documents what else it allows.
/// </remarks>
public static class OpConformance
{
    /// <summary>The operations that can be checked, by <see cref="Graph.Operation.Name"/>.</summary>
    public static IReadOnlyCollection<string> Operations => CaseTable.Operations;

    /// <summary>Runs a kernel over many cases and compares it with its operation's definition.</summary>
    /// <param name="kernel">The kernel.</param>
    /// <param name="backend">
    /// An open backend of the kernel's kind of device, which stays open; null opens the CPU, once for each number of threads in the options.
    /// All memory is allocated, written and read through it, except for guard pages on the CPU.
    /// </param>
    /// <param name="options">What to try; null tries everything.</param>
    /// <returns>What was found; call <see cref="ConformanceReport.ThrowIfFailed"/> to make a test of it.</returns>
    /// <exception cref="ArgumentException">The operation is not known here, or the kernel runs on another kind of device.</exception>
    public static ConformanceReport Check(IKernel kernel, IBackend? backend = null, ConformanceOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(kernel);
        options ??= new ConformanceOptions();
        options.Validate();
        if (kernel.DeviceKind != (backend?.Device.Kind ?? Device.CpuKind))
            throw new ArgumentException($"a kernel for {kernel.DeviceKind} cannot be checked on {backend?.Device.Kind ?? Device.CpuKind}: give an open backend of its kind", nameof(kernel));
        if (backend is not null)
            return new KernelCheck(kernel, [(backend, options.Threads[0])], options).Run(CaseTable.CasesOf(kernel.Operation, options));

        List<(IBackend Backend, int Threads)> opened = [.. options.Threads.Select(threads => ((IBackend)new CpuBackend(threads), threads))];
        try
        {
            return new KernelCheck(kernel, opened, options).Run(CaseTable.CasesOf(kernel.Operation, options));
        }
        finally
        {
            foreach ((IBackend Backend, int Threads) entry in opened)
                entry.Backend.Dispose();
        }
    }
}
