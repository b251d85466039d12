using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>Widens and narrows rows of plain floating-point numbers.</summary>
internal sealed class FloatFormat<T>() : QuantFormat(T.Type)
    where T : struct, IFloatElement<T>
{
    private const int Step = 8;

    internal override unsafe void Decode(byte* row, float* destination, int count)
    {
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= count - (2 * Step); i += 2 * Step)
            Vector512.Store(T.Load512(row + ((long)i * T.Bytes)), destination + i);
        for (; i <= count - Step; i += Step)
            Vector256.Store(T.Load256(row + ((long)i * T.Bytes)), destination + i);
        if (i == count)
            return;
        byte* tail = stackalloc byte[Step * T.Bytes];
        new Span<byte>(tail, Step * T.Bytes).Clear();
        new Span<byte>(row + ((long)i * T.Bytes), (count - i) * T.Bytes).CopyTo(new Span<byte>(tail, Step * T.Bytes));
        for (int lane = 0; lane < count - i; lane++)
            destination[i + lane] = Vector256.GetElement(T.Load256(tail), lane);
    }

    internal override unsafe void Encode(float* source, byte* row, int count)
    {
        int i = 0;
        for (; i <= count - Step; i += Step)
            T.Store256(Vector256.Load(source + i), row + ((long)i * T.Bytes));
        if (i == count)
            return;
        float* padded = stackalloc float[Step];
        byte* tail = stackalloc byte[Step * T.Bytes];
        new Span<float>(padded, Step).Clear();
        new Span<float>(source + i, count - i).CopyTo(new Span<float>(padded, Step));
        T.Store256(Vector256.Load(padded), tail);
        new Span<byte>(tail, (count - i) * T.Bytes).CopyTo(new Span<byte>(row + ((long)i * T.Bytes), (count - i) * T.Bytes));
    }

    internal override TResult Accept<TResult>(IFormatVisitor<TResult> visitor) => visitor.VisitFloat<T>();
}
