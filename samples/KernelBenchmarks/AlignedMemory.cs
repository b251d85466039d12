using System.Runtime.InteropServices;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>Memory on cache lines of its own, filled with random numbers.</summary>
internal sealed unsafe class AlignedMemory(long bytes) : IDisposable
{
    private const int Alignment = 64;

    public byte* Bytes { get; private set; } = (byte*)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);

    public float* Floats => (float*)Bytes;

    /// <summary>Floats between −0.5 and 0.5.</summary>
    public static AlignedMemory OfFloats(int count)
    {
        AlignedMemory memory = new((long)count * sizeof(float));
        Random random = new(1);
        for (int i = 0; i < count; i++)
            memory.Floats[i] = random.NextSingle() - 0.5f;
        return memory;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(Bytes);
        Bytes = null;
    }
}
