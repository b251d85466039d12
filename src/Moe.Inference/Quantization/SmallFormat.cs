using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>Decodes and encodes rows of a format with blocks of 32 weights.</summary>
internal sealed class SmallFormat<T>() : QuantFormat(T.Type)
    where T : struct, ISmallBlock<T>
{
    internal override unsafe void Decode(byte* row, float* destination, int count)
    {
        byte* codes = stackalloc byte[ISmallBlock<T>.Length];
        for (int start = 0; start < count; start += ISmallBlock<T>.Length, row += Layout.BlockBytes)
        {
            T.LoadCodes(row).Store(codes);
            Vector256<uint> header = Vector256.CreateScalar(T.HeaderBits(row));
            Vector256<float> scale = Vector256.Create(T.Scales(header).ToScalar());
            float minimum = T.HasMinimum ? T.Minimums(header).ToScalar() : 0;
            for (int i = 0; i < ISmallBlock<T>.Length; i += 8)
            {
                Vector256<float> value = scale * CodeVector.ToSingle(codes + i, T.SignedCodes, T.ZeroPoint);
                if (T.HasMinimum)
                    value += Vector256.Create(minimum);
                value.Store(destination + start + i);
            }
        }
    }

    internal override unsafe void Encode(float* source, byte* row, int count)
    {
        for (int start = 0; start < count; start += ISmallBlock<T>.Length, row += Layout.BlockBytes)
            T.Encode(source + start, row);
    }

    internal override TResult Accept<TResult>(IFormatVisitor<TResult> visitor) => visitor.VisitSmall<T>();
}
