using BenchmarkDotNet.Attributes;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Tensors;

namespace Moe.Inference.KernelBenchmarks;

/// <summary>A row of activations rounded to 8 bits, in blocks of 32 (Q8_0) and of 256 (Q4_K), on the path of this process.</summary>
public unsafe class ActivationQuantization : IHasWork
{
    private const int Length = 2048;

    private AlignedMemory? _numbers, _row;

    /// <summary>The format of the weights that the row will meet.</summary>
    [Params(ElementType.Q8_0, ElementType.Q4_K)]
    public ElementType Weights { get; set; }

    long IHasWork.Work => Length;

    /// <summary>Makes a row.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _numbers = AlignedMemory.OfFloats(Length);
        _row = new AlignedMemory(WeightKernels.For(Weights).ActivationRowBytes(Length));
    }

    /// <summary>Gives it back.</summary>
    [GlobalCleanup]
    public void CleanUp()
    {
        _numbers?.Dispose();
        _row?.Dispose();
    }

    /// <summary>Rounds it.</summary>
    [Benchmark]
    public void Quantize() => WeightKernels.For(Weights).QuantizeActivations(_numbers!.Floats, _row!.Bytes, Length);
}
