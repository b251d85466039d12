using BenchmarkDotNet.Attributes;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>Rows of weights of one format times rows of activations, on one core, from its cache.</summary>
public abstract unsafe class ProductBenchmark : IHasWork
{
    private const int Rows = 64, Length = 2048;

    private WeightKernel? _kernel;
    private AlignedMemory? _weights, _activations, _results;

    /// <summary>The weights' format.</summary>
    [ParamsSource(nameof(Types))]
    public ElementType Type { get; set; }

    /// <summary>The path, as <c>MOE_CPU</c> names it.</summary>
    [ParamsSource(nameof(Paths))]
    public string Path { get; set; } = "";

    /// <summary>Rows of activations: one when generating, 64 of a prompt that meet an expert.</summary>
    [Params(1, 4, 64)]
    public int Tokens { get; set; }

    /// <summary>The formats of this contract.</summary>
    public abstract IEnumerable<ElementType> Types { get; }

    /// <summary>The paths of this machine.</summary>
    public IEnumerable<string> Paths => CpuFeatures.Available.Select(path => path.ToString());

    long IHasWork.Work => (long)Rows * Length * Tokens;

    /// <summary>Makes operands.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _kernel = WeightKernels.For(Type, Enum.Parse<CpuPath>(Path), exact: false);
        QuantFormat format = QuantFormats.Of(Type);
        long rowBytes = format.Layout.RowBytes(Length), stride = _kernel.ActivationRowBytes(Length);
        _weights = new AlignedMemory(Rows * rowBytes);
        _activations = new AlignedMemory(Tokens * stride);
        _results = new AlignedMemory((long)Rows * Tokens * sizeof(float));
        using AlignedMemory numbers = AlignedMemory.OfFloats(Length);
        for (int row = 0; row < Rows; row++)
            format.Encode(new ReadOnlySpan<float>(numbers.Floats, Length), new Span<byte>(_weights.Bytes + (row * rowBytes), (int)rowBytes));
        for (int token = 0; token < Tokens; token++)
            _kernel.QuantizeActivations(numbers.Floats, _activations.Bytes + (token * stride), Length);
    }

    /// <summary>Gives them back.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        _weights?.Dispose();
        _activations?.Dispose();
        _results?.Dispose();
    }

    /// <summary>The product.</summary>
    [Benchmark]
    public void Dot() => _kernel!.Dot(
        _weights!.Bytes, QuantFormats.Of(Type).Layout.RowBytes(Length), Rows, _activations!.Bytes, _kernel.ActivationRowBytes(Length), Tokens, Length, _results!.Floats, Rows);

    /// <summary>The formats whose blocks have some number of weights.</summary>
    protected static IEnumerable<ElementType> WithBlocksOf(Func<int, bool> chosen) =>
        QuantFormats.Types.Where(type => chosen(ElementLayout.Of(type).BlockLength)).Order();
}

/// <summary>Formats of 256 weights a block (<c>ISuperBlock</c>).</summary>
public class SuperBlockProducts : ProductBenchmark
{
    /// <inheritdoc/>
    public override IEnumerable<ElementType> Types => WithBlocksOf(length => length == 256);
}

/// <summary>Formats of 32 weights a block (<c>ISmallBlock</c>).</summary>
public class SmallBlockProducts : ProductBenchmark
{
    /// <inheritdoc/>
    public override IEnumerable<ElementType> Types => WithBlocksOf(length => length is > 1 and < 256);
}

/// <summary>Numbers without blocks (<c>IFloatElement</c>).</summary>
public class FloatProducts : ProductBenchmark
{
    /// <inheritdoc/>
    public override IEnumerable<ElementType> Types => WithBlocksOf(length => length == 1);
}
