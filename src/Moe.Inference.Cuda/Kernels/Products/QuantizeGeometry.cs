using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Rows of activations to 8 bits.</summary>
/// <param name="X">The rows, each <paramref name="Width"/> floats.</param>
/// <param name="Codes">Receives as many signed bytes a row.</param>
/// <param name="Scales">Receives a scale per block of a row.</param>
/// <param name="Sums">Receives the sum of each 32 codes.</param>
/// <param name="Width">Activations of a row, a multiple of 32.</param>
/// <param name="Rows">Rows.</param>
/// <param name="Present">How many of them hold something; null where all do.</param>
internal readonly record struct QuantizeGeometry(
    DevicePointer<float> X, DevicePointer<sbyte> Codes, DevicePointer<float> Scales, DevicePointer<float> Sums, int Width, int Rows, DevicePointer<int> Present) : IKernelGeometry
{
    private const int Threads = 128;
    private const int PerBlock = 256 * (Threads / 32);

    /// <inheritdoc/>
    public LaunchShape Shape => new(Rows, Cover.Blocks(Width, PerBlock), 1, Threads);

    /// <inheritdoc/>
    public void Check() => Cover.Require(Width % 32 == 0, $"a row of {Width} activations is not whole blocks");
}

/// <summary>Where rows of activations rounded to 8 bits lie in scratch memory: all codes, then all scales, then all sums.</summary>
/// <param name="format">The weights that they will meet.</param>
/// <param name="width">Activations of a row.</param>
/// <param name="rows">Rows that there is room for.</param>
internal readonly struct QuantizedRows(WeightFormat format, int width, int rows)
{
    private const int Alignment = 64, SumBlock = 32;

    private static readonly KernelCode Super = new("quantize.cu", "blocks_of_256"), Small = new("quantize.cu", "blocks_of_32");

    /// <summary>Bytes in all, a multiple of 64.</summary>
    public long Bytes => SumsAt + Align((long)rows * (width / SumBlock) * sizeof(float));

    /// <summary>Where the scales begin.</summary>
    public long ScalesAt => Align((long)rows * width);

    /// <summary>Where the sums begin.</summary>
    public long SumsAt => ScalesAt + Align((long)rows * (width / format.ActivationBlock) * sizeof(float));

    /// <summary>What <see cref="Launch"/> needs.</summary>
    public KernelCode Code => format.ActivationBlock == SumBlock ? Small : Super;

    /// <summary>Rounds the first rows of a value.</summary>
    /// <param name="stream">Where.</param>
    /// <param name="x">The rows.</param>
    /// <param name="memory">The scratch memory's address.</param>
    /// <param name="count">Rows of this run.</param>
    /// <param name="present">How many of them hold something; null if all do.</param>
    public void Launch(CudaStream stream, DevicePointer<float> x, nint memory, int count, DevicePointer<int> present = default)
    {
        DevicePointer<sbyte> codes = new(memory);
        stream.Launch(Code, new QuantizeGeometry(x, codes, new(codes.Plus(ScalesAt).Address), new(codes.Plus(SumsAt).Address), width, count, present));
    }

    private static long Align(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;
}
