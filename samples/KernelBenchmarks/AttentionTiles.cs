using BenchmarkDotNet.Attributes;
using Moe.Inference.Cpu.Kernels;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>Four query rows against a page of 64 keys and values in floats (<c>AttentionTile</c>), on the path of this process.</summary>
public unsafe class AttentionTiles : IHasWork
{
    private const int Keys = 64;

    private AlignedMemory? _queries, _page, _scores;

    /// <summary>Elements of a key.</summary>
    [Params(64, 128)]
    public int Width { get; set; }

    long IHasWork.Work => (long)AttentionTile.QueryRows * Keys * Width;

    /// <summary>Makes a page.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _queries = AlignedMemory.OfFloats(AttentionTile.QueryRows * Width);
        _page = AlignedMemory.OfFloats(Keys * Width);
        _scores = AlignedMemory.OfFloats(AttentionTile.QueryRows * Keys);
    }

    /// <summary>Gives it back.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        _queries?.Dispose();
        _page?.Dispose();
        _scores?.Dispose();
    }

    /// <summary>The scores.</summary>
    [Benchmark]
    public void Scores() => AttentionTile.Scores(Rows(_queries!, Width), _page!.Floats, Keys, Width, 1e-3f, Rows(_scores!, Keys));

    /// <summary>The weighted sums of values.</summary>
    [Benchmark]
    public void Values() => AttentionTile.AddValues(Rows(_scores!, Keys), _page!.Floats, Keys, Width, Rows(_queries!, Width));

    private static RowSet Rows(AlignedMemory memory, int width) => RowSet.Of(memory.Floats, width, 0, AttentionTile.QueryRows, memory.Floats);
}
