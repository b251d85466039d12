namespace Moe.Inference.Gguf;

/// <summary>
/// The bytes of a file's tensors in memory, read-only. Addresses and spans are valid until <see cref="Dispose"/>; the caller sees to it
/// that nothing uses them later, or while disposing. The garbage collector never frees the memory, since it cannot know who holds an
/// address: content that is not disposed stays. It stays valid when the <see cref="GgufFile"/> is closed. Safe for use by several threads.
/// </summary>
public abstract class GgufContent : IDisposable
{
    private readonly GgufTensor[][] _tensors;
    private nint[][]? _addresses;
    private int _disposed;

    /// <summary>Takes note of the tensors; <see cref="SetAddresses"/> follows.</summary>
    private protected GgufContent(GgufPart[] parts) => _tensors = [.. parts.Select(part => part.Header.Tensors)];

    /// <summary>Where the first row of a tensor lies; <see cref="GgufTensor.ByteLength"/> bytes are there.</summary>
    /// <param name="tensor">A tensor of the file that this content came from.</param>
    /// <exception cref="ArgumentException">The tensor belongs to another file.</exception>
    /// <exception cref="ObjectDisposedException">The content is disposed.</exception>
    public nint GetAddress(GgufTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        nint[][]? addresses = Volatile.Read(ref _addresses);
        ObjectDisposedException.ThrowIf(addresses is null, this);
        if (tensor.Part >= _tensors.Length
            || tensor.IndexInPart >= _tensors[tensor.Part].Length
            || !ReferenceEquals(_tensors[tensor.Part][tensor.IndexInPart], tensor))
        {
            throw new ArgumentException($"tensor '{tensor.Name}' belongs to another file", nameof(tensor));
        }
        return addresses[tensor.Part][tensor.IndexInPart];
    }

    /// <summary>The encoded bytes of consecutive rows of a tensor.</summary>
    /// <param name="tensor">A tensor of the file that this content came from.</param>
    /// <param name="firstRow">The first row, from 0.</param>
    /// <param name="count">The number of rows; at most 2 GiB of them.</param>
    /// <exception cref="ArgumentException">The tensor belongs to another file.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not have these rows, or they are too many for one span.</exception>
    /// <exception cref="ObjectDisposedException">The content is disposed.</exception>
    public unsafe ReadOnlySpan<byte> GetRows(GgufTensor tensor, long firstRow, int count)
    {
        nint address = GetAddress(tensor);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow, tensor.Rows);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Math.Min(tensor.Rows - firstRow, int.MaxValue / tensor.RowBytes));
        return new ReadOnlySpan<byte>((void*)(address + (nint)(firstRow * tensor.RowBytes)), (int)(count * tensor.RowBytes));
    }

    /// <summary>Copies bytes of a tensor to memory of somebody else's; several threads may, while the file is open.</summary>
    /// <param name="tensor">A tensor of the file that this content came from.</param>
    /// <param name="offset">The first byte, within the tensor.</param>
    /// <param name="destination">Receives them.</param>
    internal virtual unsafe void CopyTo(GgufTensor tensor, long offset, Span<byte> destination) =>
        new ReadOnlySpan<byte>((byte*)GetAddress(tensor) + offset, destination.Length).CopyTo(destination);

    /// <summary>Unmaps or frees the memory.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        Volatile.Write(ref _addresses, null);
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Unmaps or frees the memory; called once.</summary>
    private protected abstract void Release();

    /// <summary>Makes the content usable: the address of each tensor of each part.</summary>
    private protected void SetAddresses(nint[][] addresses) => Volatile.Write(ref _addresses, addresses);
}
