namespace Moe.Inference.Cpu.Kernels;

/// <summary>Cuts a range into equal blocks, the last one shorter.</summary>
/// <param name="Length">Elements in all.</param>
/// <param name="BlockLength">Elements of a block, at least 1.</param>
internal readonly record struct Blocks(int Length, int BlockLength)
{
    private const long WorthwhileBytes = 8 << 10;
    private const int BlocksPerThread = 4;

    /// <summary>Number of blocks.</summary>
    public int Count => (Length + BlockLength - 1) / BlockLength;

    /// <summary>First element of a block.</summary>
    public int Start(int block) => block * BlockLength;

    /// <summary>Elements of a block.</summary>
    public int Size(int block) => Math.Min(BlockLength, Length - Start(block));

    /// <summary>Blocks at least as long that begin at multiples of a length.</summary>
    public Blocks InGroupsOf(int length) => this with { BlockLength = (BlockLength + length - 1) / length * length };

    /// <summary>Blocks of rows such that each thread gets several, but none is smaller than it pays to hand out.</summary>
    /// <param name="rows">Rows in all.</param>
    /// <param name="rowBytes">Bytes touched per row.</param>
    /// <param name="threads">Threads that share them.</param>
    public static Blocks ForRows(int rows, long rowBytes, int threads)
    {
        long worthwhile = Math.Max(1, WorthwhileBytes / Math.Max(rowBytes, 1));
        long fair = rows / (threads * BlocksPerThread);
        return new Blocks(rows, (int)Math.Min(Math.Max(worthwhile, fair), int.MaxValue));
    }
}
