using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>
/// How one element type is decoded and encoded; get it from <see cref="QuantFormats"/>. Immutable and thread-safe.
/// </summary>
public abstract class QuantFormat
{
    private protected QuantFormat(ElementType type) => Layout = ElementLayout.Of(type);

    /// <summary>The element type.</summary>
    public ElementType Type => Layout.Type;

    /// <summary>Block length and sizes in bytes.</summary>
    public ElementLayout Layout { get; }

    /// <summary>Decodes one row.</summary>
    /// <param name="row">The encoded row: <c>Layout.RowBytes(destination.Length)</c> bytes.</param>
    /// <param name="destination">The decoded elements; whole blocks.</param>
    /// <exception cref="ArgumentException">The lengths do not fit each other, or the row does not hold whole blocks.</exception>
    public unsafe void Decode(ReadOnlySpan<byte> row, Span<float> destination)
    {
        CheckLengths(row.Length, destination.Length);
        fixed (byte* source = row)
        fixed (float* target = destination)
            Decode(source, target, destination.Length);
    }

    /// <summary>Quantizes one row.</summary>
    /// <param name="source">The elements; whole blocks.</param>
    /// <param name="row">Receives <c>Layout.RowBytes(source.Length)</c> bytes.</param>
    /// <exception cref="ArgumentException">The lengths do not fit each other, or the row does not hold whole blocks.</exception>
    public unsafe void Encode(ReadOnlySpan<float> source, Span<byte> row)
    {
        CheckLengths(row.Length, source.Length);
        fixed (float* from = source)
        fixed (byte* target = row)
            Encode(from, target, source.Length);
    }

    /// <summary>Decodes <paramref name="count"/> elements, whole blocks, unchecked.</summary>
    internal abstract unsafe void Decode(byte* row, float* destination, int count);

    /// <summary>Encodes <paramref name="count"/> elements, whole blocks, unchecked.</summary>
    internal abstract unsafe void Encode(float* source, byte* row, int count);

    /// <summary>Calls the visitor with this format as a type argument.</summary>
    internal abstract TResult Accept<TResult>(IFormatVisitor<TResult> visitor);

    private void CheckLengths(int rowBytes, int count)
    {
        long wanted = Layout.RowBytes(count);
        if (rowBytes != wanted)
            throw new ArgumentException($"a row of {count} {Type} elements takes {wanted} bytes, not {rowBytes}");
    }
}
