using BenchmarkDotNet.Attributes;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>A row of weights of each format decoded to floats (<c>QuantFormat</c>).</summary>
public unsafe class Decoding : IHasWork
{
    private const int Length = 2048;

    private AlignedMemory? _row, _numbers;

    /// <summary>The format.</summary>
    [ParamsSource(nameof(Types))]
    public ElementType Type { get; set; }

    /// <summary>All formats.</summary>
    public static IEnumerable<ElementType> Types => QuantFormats.Types.Order();

    long IHasWork.Work => Length;

    /// <summary>Makes a row.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _numbers = AlignedMemory.OfFloats(Length);
        int bytes = (int)QuantFormats.Of(Type).Layout.RowBytes(Length);
        _row = new AlignedMemory(bytes);
        QuantFormats.Of(Type).Encode(new ReadOnlySpan<float>(_numbers.Floats, Length), new Span<byte>(_row.Bytes, bytes));
    }

    /// <summary>Gives it back.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        _row?.Dispose();
        _numbers?.Dispose();
    }

    /// <summary>Decodes it.</summary>
    [Benchmark]
    public void Decode() => QuantFormats.Of(Type).Decode(_row!.Bytes, _numbers!.Floats, Length);
}
