namespace Moe.Inference.Cpu.Kernels;

/// <summary>Cuts a step's scratch memory into parts. The same calls size the memory and find the parts in it.</summary>
internal ref struct ScratchLayout
{
    private const int Alignment = 64;

    /// <summary>Bytes taken so far.</summary>
    public long Length { get; private set; }

    /// <summary>Takes a part and returns its offset.</summary>
    public long Take(long bytes)
    {
        long offset = Length;
        Length = checked(offset + ((bytes + Alignment - 1) / Alignment * Alignment));
        return offset;
    }
}
