using Moe.Inference.Cuda.Compilation;

namespace Moe.Inference.Cuda.Execution;

/// <summary>What steps launch on: a stream, and the device's kernels and figures.</summary>
/// <param name="Handle">The driver's handle.</param>
/// <param name="Library">The device's kernels.</param>
/// <param name="Figures">The device's figures.</param>
internal sealed record CudaStream(nint Handle, KernelLibrary Library, DeviceFigures Figures)
{
    /// <summary>Launches a kernel.</summary>
    public void Launch<T>(KernelCode code, in T geometry)
        where T : unmanaged, IKernelGeometry => Library.Find(code).Launch(Handle, geometry);
}

/// <summary>Figures of a device that launches depend on.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Architecture">Such as <c>sm_90a</c>.</param>
/// <param name="Multiprocessors">Streaming multiprocessors.</param>
/// <param name="SharedBytes">The most shared memory that a block may have.</param>
/// <param name="MemoryBytes">Its memory.</param>
internal sealed record DeviceFigures(string Name, string Architecture, int Multiprocessors, int SharedBytes, long MemoryBytes);
