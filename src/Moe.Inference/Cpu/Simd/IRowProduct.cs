namespace Moe.Inference.Cpu.Simd;

/// <summary>How rows of weights meet few tokens: the way of generation, where reading the weights takes the time.</summary>
internal unsafe interface IRowProduct
{
    /// <summary>The most tokens for which this way is the fastest.</summary>
    static abstract int MostTokens { get; }

    /// <inheritdoc cref="WeightKernel.Dot"/>
    static abstract void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride);
}
