using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Many tokens against the weights of one format, by tiles.</summary>
internal abstract unsafe class Tiles
{
    /// <summary>As <see cref="WeightKernel.DotScattered"/> does it or, without targets, <see cref="WeightKernel.Dot"/>.</summary>
    public abstract void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets = null);

    /// <summary>Rows of a tile.</summary>
    public abstract int Rows { get; }

    /// <summary>Whether rows can be packed.</summary>
    public abstract bool CanPack { get; }

    /// <inheritdoc cref="PackedKernel.Pack"/>
    public abstract void Pack(byte* w, long rowBytes, byte* packed);

    /// <summary>The same as <see cref="Dot"/> for whole tiles of packed rows.</summary>
    public abstract void DotPacked(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets);
}

/// <summary>
/// Goes over rows by tiles, and in a tile over a few blocks at a time: they are unpacked once and stay in the first-level cache while all
/// tokens pass. Results are collected in memory of their own: rows of the output are often a power of two apart, which caches take badly.
/// </summary>
/// <typeparam name="F">Unpacks the format.</typeparam>
/// <param name="product">Multiplies.</param>
internal sealed unsafe class Tiles<F>(TileProduct product) : Tiles
    where F : struct, ITileFormat
{
    private const int Alignment = 64;

    // Of weights asked for before any are read, in bytes: no more than second-level caches hold.
    private const int MostAtOnce = 1 << 17;

    // Fields, not properties: the compiler sees them as constants without having to inline anything.
    private static readonly int CodeBytes = F.ChunkBlocks * F.BlockLength * F.Rows;
    private static readonly int SideBytes = F.ChunkBlocks * F.SideUnits * F.Rows * sizeof(uint);
    private static readonly int WorkBytes = (F.WorkBytes + Alignment - 1) & -Alignment;

    public override int Rows => F.Rows;

    public override bool CanPack => F.CanPack;

    public override void Pack(byte* w, long rowBytes, byte* packed) => F.Pack(w, rowBytes, packed);

    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets = null) =>
        Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, targets, packed: false);

    public override void DotPacked(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets) =>
        Dot(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, targets, packed: true);

    [SkipLocalsInit]
    private void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets, bool packed)
    {
        byte* memory = stackalloc byte[CodeBytes + SideBytes + WorkBytes + product.WorkBytes + Alignment];
        byte* codes = (byte*)(((nuint)memory + Alignment - 1) & ~(nuint)(Alignment - 1));
        byte* side = codes + CodeBytes;
        byte* work = side + SideBytes;
        float* results = (float*)ThreadScratch.Get((long)tokens * F.Rows * sizeof(float));
        int blocks = k / F.BlockLength;
        // Nobody has asked for the first tile yet.
        WeightsAhead ahead = new(w);
        ahead.Prefetch((int)Math.Min(MostAtOnce, Math.Min(rows, F.Rows) * rowBytes));
        for (int row = 0; row < rows; row += F.Rows)
        {
            int count = Math.Min(F.Rows, rows - row);
            // Beyond the last row, the same thread is likely to go on.
            ahead = new WeightsAhead(w + ((row + F.Rows) * rowBytes));
            for (int block = 0; block < blocks; block += F.ChunkBlocks)
            {
                int chunk = Math.Min(F.ChunkBlocks, blocks - block);
                if (packed)
                    F.UnpackPacked(w + (row * rowBytes), block, chunk, (uint*)codes, (uint*)side, ref ahead);
                else
                    F.Unpack(w + (row * rowBytes), rowBytes, count, block, chunk, (uint*)codes, (uint*)side, work, ref ahead);
                TilePart part = new()
                {
                    Codes = (uint*)codes,
                    Side = (uint*)side,
                    X = x + ((long)block * F.BlockLength),
                    Sums = F.Sums(x, k, block),
                    Scales = F.Scales(x, k, block),
                    XStride = xStride,
                    Y = results,
                    Work = work + WorkBytes,
                    Blocks = chunk,
                    Started = block == 0 ? 0 : -1,
                };
                product.Multiply(part, tokens);
            }
            for (int token = 0; token < tokens; token++)
            {
                if (targets == null)
                    Copy(results + ((long)token * F.Rows), y + (token * yStride) + row, count);
                else
                    CopyScattered(results + ((long)token * F.Rows), y + (targets[token] * yStride) + row, count);
            }
        }
        // Before another thread is told that results are there.
        if (targets != null && Sse.IsSupported)
            Sse.StoreFence();
    }

    // Results that go to rows far apart are read much later: past the caches, what lies there need not be fetched first.
    private static void CopyScattered(float* from, float* to, int count)
    {
        if (!Vector512.IsHardwareAccelerated || count != F.Rows || ((nuint)to & (Alignment - 1)) != 0)
        {
            Copy(from, to, count);
            return;
        }
        for (int i = 0; i < F.Rows; i += Vector512<float>.Count)
            Vector512.Load(from + i).StoreAlignedNonTemporal(to + i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(float* from, float* to, int count)
    {
        if (count != F.Rows)
        {
            new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
            return;
        }
        for (int i = 0; i < F.Rows; i += Vector256<float>.Count)
            Vector256.Load(from + i).Store(to + i);
    }
}
