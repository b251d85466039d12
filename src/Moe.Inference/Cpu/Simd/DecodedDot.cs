using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Decodes four rows of weights at a time, then multiplies them with as many tokens as stay in the second-level cache.</summary>
internal static unsafe class DecodedDot<V, L>
    where V : struct
    where L : struct, IFloatLanes<V>
{
    /// <inheritdoc cref="WeightKernel.Dot"/>
    public static void Dot(
        WeightKernel kernel, byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride)
    {
        const int Rows = FloatDot<F32, V, L>.Rows;
        long bytes = (((long)k * sizeof(float)) + 63) & ~63L;
        byte* decoded = ThreadScratch.Get(Rows * bytes);
        int block = Tiling.FloatTokens(k);
        for (int t = 0; t < tokens; t += block)
        {
            int taken = Math.Min(block, tokens - t);
            for (int r = 0; r < rows; r += Rows)
            {
                int count = Math.Min(Rows, rows - r);
                WeightsAhead ahead = new(w + ((r + Rows) * rowBytes));
                for (int i = 0; i < count; i++)
                {
                    kernel.Decode(w + ((r + i) * rowBytes), (float*)(decoded + (i * bytes)), k);
                    // Later tokens find rows in the caches.
                    if (t == 0)
                        ahead.Prefetch((int)rowBytes);
                }
                FloatDot<F32, V, L>.Dot(decoded, bytes, count, x + (t * xStride), xStride, taken, k, y + (t * yStride) + r, yStride);
            }
        }
    }
}
