namespace Moe.Inference.Tensors;

/// <summary>Rows of elements inside a buffer, one after the other without gaps.</summary>
/// <param name="Buffer">The memory.</param>
/// <param name="Offset">Byte offset of the first row.</param>
/// <param name="Type">Element type.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Rows">Rows that fit; a run may use fewer.</param>
public readonly record struct TensorView(DeviceBuffer Buffer, long Offset, ElementType Type, int Width, long Rows)
{
    /// <summary>Bytes of one row.</summary>
    public long RowBytes => ElementLayout.Of(Type).RowBytes(Width);

    /// <summary>Bytes of all rows.</summary>
    public long ByteLength => RowBytes * Rows;

    /// <summary>Address of the first row on the buffer's device.</summary>
    public nint Address => Buffer.Address + (nint)Offset;
}
