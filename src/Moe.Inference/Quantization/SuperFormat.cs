using System.Runtime.Intrinsics;

namespace Moe.Inference.Quantization;

/// <summary>Decodes and encodes rows of a format with blocks of 256 weights.</summary>
internal sealed class SuperFormat<T>() : QuantFormat(T.Type)
    where T : struct, ISuperBlock<T>
{
    internal override unsafe void Decode(byte* row, float* destination, int count)
    {
        byte* codes = stackalloc byte[ISuperBlock<T>.Length];
        short* scales = stackalloc short[16];
        short* minimums = stackalloc short[16];
        byte* block = row + Layout.RowHeaderBytes;
        for (int start = 0; start < count; start += ISuperBlock<T>.Length, block += Layout.BlockBytes)
        {
            StoreCodes(block, codes);
            T.LoadScales(block, out Vector256<short> loadedScales, out Vector256<short> loadedMinimums);
            loadedScales.Store(scales);
            loadedMinimums.Store(minimums);
            Vector128<uint> header = Vector128.CreateScalar(T.HeaderBits(row, block));
            float d = T.Scales(header).ToScalar();
            float m = T.HasMinimums ? T.MinimumScales(header).ToScalar() : 0;
            for (int group = 0; group < 16; group++)
            {
                int lane = ((group & 1) * 8) + (group >> 1);
                Vector256<float> scale = Vector256.Create(d * scales[lane]);
                float minimum = m * minimums[lane];
                for (int i = group * 16; i < (group + 1) * 16; i += 8)
                {
                    Vector256<float> value = scale * CodeVector.ToSingle(codes + i, T.SignedCodes, T.ZeroPoint);
                    if (T.HasMinimums)
                        value -= Vector256.Create(minimum);
                    value.Store(destination + start + i);
                }
            }
        }
    }

    internal override unsafe void Encode(float* source, byte* row, int count)
    {
        T.EncodeRowHeader(source, count, row);
        byte* block = row + Layout.RowHeaderBytes;
        for (int start = 0; start < count; start += ISuperBlock<T>.Length, block += Layout.BlockBytes)
            T.Encode(source + start, row, block);
    }

    internal override TResult Accept<TResult>(IFormatVisitor<TResult> visitor) => visitor.VisitSuper<T>();

    /// <summary>All 256 codes of a block, one per byte, in the order of the weights.</summary>
    internal static unsafe void StoreCodes(byte* block, byte* codes)
    {
        T.LoadCodes(block, 0, out Vector256<byte> c0, out Vector256<byte> c1, out Vector256<byte> c2, out Vector256<byte> c3);
        T.LoadCodes(block, 1, out Vector256<byte> c4, out Vector256<byte> c5, out Vector256<byte> c6, out Vector256<byte> c7);
        c0.Store(codes);
        c1.Store(codes + 32);
        c2.Store(codes + 64);
        c3.Store(codes + 96);
        c4.Store(codes + 128);
        c5.Store(codes + 160);
        c6.Store(codes + 192);
        c7.Store(codes + 224);
    }
}
