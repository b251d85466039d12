using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>A kernel ready to be launched on one device.</summary>
/// <param name="code">What it is.</param>
/// <param name="handle">The driver's handle.</param>
/// <param name="device">The device, as errors name it.</param>
internal sealed unsafe class CudaFunction(KernelCode code, nint handle, string device)
{
    // What a block may have without asking.
    private const int PlainSharedBytes = 48 << 10;

    private int _sharedBytes = PlainSharedBytes;

    /// <summary>What it is.</summary>
    public KernelCode Code => code;

    /// <summary>Launches it; a geometry without any block is passed over.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="geometry">What the kernel is told.</param>
    /// <exception cref="DeviceException">The driver refused the launch.</exception>
    public void Launch<T>(nint stream, in T geometry)
        where T : unmanaged, IKernelGeometry
    {
        LaunchShape shape = geometry.Shape;
        if (shape.Blocks == 0)
            return;
        geometry.Check();
        if (shape.SharedBytes > _sharedBytes)
        {
            Driver.FunctionSetAttribute(handle, FunctionAttribute.MaxDynamicSharedBytes, shape.SharedBytes).ThrowIfFailed("launch", code.ToString(), device);
            _sharedBytes = shape.SharedBytes;
        }

        fixed (T* parameter = &geometry)
        {
            void* parameters = parameter;
            Driver.LaunchKernel(handle, (uint)shape.X, (uint)shape.Y, (uint)shape.Z, (uint)shape.Threads, 1, 1, (uint)shape.SharedBytes, stream, &parameters, null)
                .ThrowIfFailed("launch", code.ToString(), device);
        }
    }
}
