using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// A row of <see cref="Q8SuperRow"/> rearranged for <see cref="WideSuperRows{T}"/>. Each block of 256 is a record: four vectors of activations
/// in the order of the format's codes; for formats with signed codes four vectors of signs; one vector of sums for the minimums or the zero point.
/// </summary>
/// <typeparam name="T">The weights' format.</typeparam>
internal static unsafe class WideActivations<T>
    where T : struct, ISuperBlock<T>
{
    /// <summary>Where a record's signs are: −1 where the activation is negative, else 0. The activations themselves are then magnitudes.</summary>
    public const int SignsAt = ISuperBlock<T>.Length;

    /// <summary>Where a record's sums are.</summary>
    public static readonly int SumsAt = T.SignedCodes ? 2 * ISuperBlock<T>.Length : ISuperBlock<T>.Length;

    /// <summary>Bytes of a record.</summary>
    public static readonly int Record = SumsAt + Vector512<byte>.Count;

    private const int Chunk = 16;

    private static readonly int[] Order = MakeOrder();

    /// <summary>Rearranges a row of k activations.</summary>
    public static void Arrange(byte* x, int k, byte* to)
    {
        short* sums = Q8SuperRow.Sums(x, k);
        for (int block = 0; block < k / ISuperBlock<T>.Length; block++, to += Record, sums += 16)
        {
            for (int i = 0; i < Order.Length; i++, x += Chunk)
            {
                Vector128<sbyte> codes = Vector128.Load((sbyte*)x);
                byte* place = to + Order[i];
                if (T.SignedCodes)
                    Vector128.LessThan(codes, Vector128<sbyte>.Zero).Store((sbyte*)place + SignsAt);
                (T.SignedCodes ? Vector128.Abs(codes) : codes).Store((sbyte*)place);
            }

            if (T.HasMinimums || T.ZeroPoint != 0)
                ArrangeSums(sums).Store((short*)(to + SumsAt));
        }
    }

    // Minimums: four pairs of sums of 32, each four times, once for each of four rows. Zero point: the sums of even and of odd groups, twice,
    // times minus half the zero point.
    private static Vector512<short> ArrangeSums(short* sums)
    {
        Vector128<short> even = Vector128.Load(sums), odd = Vector128.Load(sums + 8);
        if (T.HasMinimums)
        {
            Vector512<int> pairs = Vector512.Create((even + odd).AsInt32()[0]);
            pairs = Avx512F.PermuteVar16x32(
                Vector512.Create(Vector256.Create((even + odd).AsInt32(), default), default),
                Vector512.Create(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
            return pairs.AsInt16();
        }

        Vector256<short> both = Vector256.Create(even, odd) * (short)(-T.ZeroPoint / 2);
        return Vector512.Create(both, both);
    }

    // Where in a record each chunk of 16 activations goes.
    private static int[] MakeOrder()
    {
        int[] order = new int[ISuperBlock<T>.Length / Chunk];
        for (int place = 0; place < order.Length; place++)
        {
            (int half, int within) = Math.DivRem(place, T.WideOrder.Length);
            order[(half * T.WideOrder.Length) + T.WideOrder[within]] = place * Chunk;
        }

        return order;
    }
}
