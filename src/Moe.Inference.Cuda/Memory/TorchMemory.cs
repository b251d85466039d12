using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Moe.Inference.Cuda.Memory;

/// <summary>Memory held by TorchSharp's tensors of bytes. Only to be used once libtorch is loaded.</summary>
/// <param name="index">The device's number.</param>
internal sealed partial class TorchMemory(int index) : IMemorySource
{
    /// <inheritdoc/>
    public string Description => $"libtorch {__version__}";

    /// <inheritdoc/>
    public bool TakesPieces => true;

    /// <inheritdoc/>
    public IMemoryOwner? Allocate(long bytes) => Own(() => empty(bytes, ScalarType.Byte, new Device(TorchSharp.DeviceType.CUDA, index)));

    /// <inheritdoc/>
    public IMemoryOwner? AllocatePinned(long bytes) => Own(() =>
    {
        using Tensor pageable = empty(bytes, ScalarType.Byte);
        return pageable.pin_memory();
    });

    private static Owner? Own(Func<Tensor> allocate)
    {
        try
        {
            return new Owner(allocate());
        }
        catch (ExternalException problem) when (problem.Message.Contains("out of memory", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }
    }

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataOf(nint tensor);

    private sealed class Owner : IMemoryOwner
    {
        private readonly Tensor _tensor;

        // Tensors made within somebody's dispose scope must outlive it.
        public Owner(Tensor tensor)
        {
            _tensor = tensor.DetachFromDisposeScope();
            Address = DataOf(_tensor.Handle);
        }

        public nint Address { get; }

        public void Dispose() => _tensor.Dispose();
    }
}
