using Moe.Inference.Cuda.Native;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>A kernel ready to be launched on one device.</summary>
/// <param name="code">What it is.</param>
/// <param name="handle">The driver's handle.</param>
/// <param name="device">The device, as errors name it.</param>
/// <param name="beginsEarly">Whether the device can begin it before the kernel before it has ended.</param>
internal sealed unsafe class CudaFunction(KernelCode code, nint handle, string device, bool beginsEarly)
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

        // Every kernel waits for the one before it by itself, once it has begun: beginnings overlap with ends.
        LaunchAttribute early = new() { Number = LaunchAttribute.ProgrammaticStreamSerialization, Value = 1 };
        LaunchConfiguration configuration = new()
        {
            GridX = (uint)shape.X,
            GridY = (uint)shape.Y,
            GridZ = (uint)shape.Z,
            BlockX = (uint)shape.Threads,
            BlockY = 1,
            BlockZ = 1,
            SharedBytes = (uint)shape.SharedBytes,
            Stream = stream,
            Attributes = &early,
            AttributeCount = beginsEarly ? 1u : 0u,
        };
        fixed (T* parameter = &geometry)
        {
            void* parameters = parameter;
            Driver.LaunchKernel(&configuration, handle, &parameters, null).ThrowIfFailed("launch", code.ToString(), device);
        }
    }
}
