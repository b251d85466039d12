using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// A row of k activations for weights in blocks of 256: k signed bytes; then 16 sums of 16 bytes as shorts per block, in the order of
/// <see cref="Quantization.ISuperBlock{T}.LoadScales"/> (groups 0, 2, … 14, then 1, 3, … 15); then a float scale per block; then 8 sums of 32
/// bytes as shorts per block.
/// Activation i is about <c>scale[i / 256] · code[i]</c>, codes within ±127.
/// </summary>
internal static unsafe class Q8SuperRow
{
    /// <summary>Activations per scale.</summary>
    public const int Block = 256;

    private const int Group = 16, Pairs = 8;

    /// <summary>Bytes of a row, a multiple of 64.</summary>
    public static long Bytes(int k) =>
        ((long)k + ((long)k / Group * sizeof(short)) + ((long)k / Block * (sizeof(float) + (Pairs * sizeof(short)))) + 63) & ~63L;

    /// <summary>The sums of a row, 16 per block.</summary>
    public static short* Sums(byte* row, int k) => (short*)(row + k);

    /// <summary>The scales of a row.</summary>
    public static float* Scales(byte* row, int k) => (float*)(Sums(row, k) + (k / Group));

    /// <summary>The sums of 32 bytes, 8 per block.</summary>
    public static short* PairSums(byte* row, int k) => (short*)(Scales(row, k) + (k / Block));

    /// <summary>Quantizes a row.</summary>
    public static void Quantize(float* x, byte* row, int k)
    {
        short* sums = Sums(row, k), pairs = PairSums(row, k);
        float* scales = Scales(row, k);
        for (int block = 0; block < k / Block; block++, x += Block, row += Block, sums += Group, pairs += Pairs)
        {
            (scales[block], float inverse) = Q8Codes.Scale(Q8Codes.Magnitudes(x, Block));
            if (Avx512BW.IsSupported)
                StoreBlock(x, inverse, (sbyte*)row, sums);
            else
                StoreGroups(x, inverse, (sbyte*)row, sums);
            (Vector128.Load(sums) + Vector128.Load(sums + Pairs)).Store(pairs);
        }
    }

    private static void StoreGroups(float* x, float inverse, sbyte* codes, short* sums)
    {
        for (int group = 0; group < Group; group++)
        {
            int sum = Q8Codes.Store16(x + (group * 16), inverse, codes + (group * 16));
            sums[((group & 1) * 8) + (group >> 1)] = (short)sum;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreBlock(float* x, float inverse, sbyte* codes, short* sums)
    {
        Vector512<float> factor = Vector512.Create(inverse);
        for (int i = 0; i < Block; i += Group)
            Avx512F.ConvertToVector128SByteWithSaturation(Avx512F.ConvertToVector512Int32(Vector512.Load(x + i) * factor)).Store(codes + i);
        // Sums of 8, then of 16; even ones first.
        Vector512<short> eights = Vector512.Create(
            Vector256.Create(SumsOf8(codes), SumsOf8(codes + 64)), Vector256.Create(SumsOf8(codes + 128), SumsOf8(codes + 192)));
        Vector512<int> groups = Avx512F.PermuteVar16x32(
            Avx512BW.MultiplyAddAdjacent(eights, Vector512<short>.One), Vector512.Create(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
        Avx512F.ConvertToVector256Int16(groups - Vector512.Create(Group * 128)).Store(sums);
    }

    // As unsigned bytes, 128 more each, they are added eight at a time.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<short> SumsOf8(sbyte* codes) => Avx512F.ConvertToVector128Int16(
        Avx512BW.SumAbsoluteDifferences(Vector512.Load((byte*)codes) ^ Vector512.Create((byte)0x80), Vector512<byte>.Zero).AsInt64());
}
