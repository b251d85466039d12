using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>An address of device memory in a kernel's geometry; on the device, a pointer to <typeparamref name="T"/>.</summary>
/// <typeparam name="T">float, int, byte, sbyte or ushort (the bits of a binary16 or bfloat16).</typeparam>
/// <param name="Address">The address.</param>
internal readonly record struct DevicePointer<T>(nint Address)
    where T : unmanaged
{
    /// <summary>Where a view's rows begin.</summary>
    public static DevicePointer<T> Of(TensorView view) => new(view.Address);

    /// <summary>Some bytes further on.</summary>
    public DevicePointer<T> Plus(long bytes) => new(Address + (nint)bytes);
}
