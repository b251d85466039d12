using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>32 weights in 18 bytes: half d; 16 bytes of nibbles, the lower ones first. Weight = d·(code − 8).</summary>
internal readonly unsafe struct Q4_0 : ISmallBlock<Q4_0>
{
    private const int CodesAt = 2;

    public static ElementType Type => ElementType.Q4_0;

    public static bool SignedCodes => false;

    public static int MaxCode => 15;

    public static int ZeroPoint => 8;

    public static bool HasMinimum => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint HeaderBits(byte* block) => *(ushort*)block;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Scales(Vector256<uint> headers) => HalfBits.ToSingle(headers);

    public static Vector256<float> Minimums(Vector256<uint> headers) => default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<byte> LoadCodes(byte* block) => Nibbles.Split(block + CodesAt);

    public static void Encode(float* x, byte* block)
    {
        float d = GroupFit.Extreme(x, ISmallBlock<Q4_0>.Length) / -8;
        *(ushort*)block = HalfBits.FromSingle(d);
        float inverse = d == 0 ? 0 : 1 / d;
        for (int i = 0; i < 16; i++)
        {
            int low = GroupFit.Code(x[i] * inverse + 8, 15);
            int high = GroupFit.Code(x[i + 16] * inverse + 8, 15);
            block[CodesAt + i] = (byte)(low | (high << 4));
        }
    }
}
