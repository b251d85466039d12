using System.Runtime.Intrinsics;

namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// A row of k activations for weights in blocks of 256: k signed bytes; then 16 sums of 16 bytes as shorts per block, in the order of
/// <see cref="Quantization.ISuperBlock{T}.LoadScales"/> (groups 0, 2, … 14, then 1, 3, … 15); then a float scale per block.
/// Activation i is about <c>scale[i / 256] · code[i]</c>, codes within ±127.
/// </summary>
internal static unsafe class Q8SuperRow
{
    /// <summary>Activations per scale.</summary>
    public const int Block = 256;

    private const int Group = 16;

    /// <summary>Bytes of a row, a multiple of 64.</summary>
    public static long Bytes(int k) => ((long)k + ((long)k / Group * sizeof(short)) + ((long)k / Block * sizeof(float)) + 63) & ~63L;

    /// <summary>The sums of a row, 16 per block.</summary>
    public static short* Sums(byte* row, int k) => (short*)(row + k);

    /// <summary>The scales of a row.</summary>
    public static float* Scales(byte* row, int k) => (float*)(Sums(row, k) + (k / Group));

    /// <summary>Quantizes a row.</summary>
    public static void Quantize(float* x, byte* row, int k)
    {
        short* sums = Sums(row, k);
        float* scales = Scales(row, k);
        for (int block = 0; block < k / Block; block++, x += Block, row += Block, sums += Group)
        {
            Vector256<int> bits = Vector256<int>.Zero;
            for (int i = 0; i < Block; i += 8)
                bits = Q8Codes.MaxMagnitude(bits, x + i);
            (scales[block], float inverse) = Q8Codes.Scale(bits);
            for (int group = 0; group < Group; group++)
            {
                int sum = Q8Codes.Store16(x + (group * 16), inverse, (sbyte*)row + (group * 16));
                sums[((group & 1) * 8) + (group >> 1)] = (short)sum;
            }
        }
    }
}
