namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// A row of k activations for weights in blocks of 32: k signed bytes; then a float scale per 32; then the int sum of each 32 bytes.
/// Activation i is about <c>scale[i / 32] · code[i]</c>, codes within ±127.
/// </summary>
internal static unsafe class Q8SmallRow
{
    /// <summary>Activations per scale.</summary>
    public const int Block = 32;

    /// <summary>Bytes of a row, a multiple of 64.</summary>
    public static long Bytes(int k) => ((long)k + ((long)k / Block * (sizeof(float) + sizeof(int))) + 63) & ~63L;

    /// <summary>The scales of a row.</summary>
    public static float* Scales(byte* row, int k) => (float*)(row + k);

    /// <summary>The sums of a row.</summary>
    public static int* Sums(byte* row, int k) => (int*)(Scales(row, k) + (k / Block));

    /// <summary>Quantizes a row.</summary>
    public static void Quantize(float* x, byte* row, int k)
    {
        float* scales = Scales(row, k);
        int* sums = Sums(row, k);
        for (int block = 0; block < k / Block; block++, x += Block, row += Block)
        {
            (scales[block], float inverse) = Q8Codes.Scale(Q8Codes.Magnitudes(x, Block));
            sums[block] = Q8Codes.Store16(x, inverse, (sbyte*)row) + Q8Codes.Store16(x + 16, inverse, (sbyte*)row + 16);
        }
    }
}
