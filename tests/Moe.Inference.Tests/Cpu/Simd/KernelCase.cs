using Moe.Inference.Cpu.Simd;
using Moe.Inference.Quantization;
using Moe.Inference.Tests.Quantization;

namespace Moe.Inference.Tests.Cpu.Simd;

/// <summary>Weights, activations and everything needed to run one kernel on them, with memory around the results guarded.</summary>
internal sealed unsafe class KernelCase
{
    private const float Guard = -12345.5f;
    private const int GuardLength = 40;

    private readonly WeightKernel _kernel;
    private readonly byte[] _weights;
    private readonly byte[] _activations;
    private readonly int _rowBytes;
    private readonly int _xStride;

    public KernelCase(WeightKernel kernel, int rows, int tokens, int k, int seed)
        : this(kernel, rows, tokens, k, EncodeGaussian(kernel, rows, k, seed), QuantFormatTests.Gaussian(tokens * k, seed + 1))
    {
    }

    public KernelCase(WeightKernel kernel, int rows, int tokens, int k, byte[] weights, float[] activations)
    {
        (_kernel, _weights, Rows, Tokens, K) = (kernel, weights, rows, tokens, k);
        _rowBytes = weights.Length / rows;
        _xStride = (int)kernel.ActivationRowBytes(k) + 64;
        _activations = new byte[tokens * _xStride];
        fixed (float* from = activations)
        fixed (byte* to = _activations)
        {
            for (int t = 0; t < tokens; t++)
                kernel.QuantizeActivations(from + (t * k), to + (t * _xStride), k);
        }
    }

    public int Rows { get; }

    public int Tokens { get; }

    public int K { get; }

    public static byte[] EncodeGaussian(WeightKernel kernel, int rows, int k, int seed)
    {
        QuantFormat format = QuantFormats.Of(kernel.Type);
        int rowBytes = (int)format.Layout.RowBytes(k);
        byte[] weights = new byte[rows * rowBytes];
        for (int r = 0; r < rows; r++)
            format.Encode(QuantFormatTests.Gaussian(k, seed + (1000 * r)), weights.AsSpan(r * rowBytes, rowBytes));
        return weights;
    }

    /// <summary>Results [token][row] for some rows and tokens; fails if anything else was written.</summary>
    public float[] Run(int firstRow, int rows, int firstToken, int tokens)
    {
        int stride = rows + 3;
        float[] guarded = new float[(2 * GuardLength) + (tokens * stride)];
        guarded.AsSpan().Fill(Guard);
        fixed (byte* w = _weights)
        fixed (byte* x = _activations)
        fixed (float* y = guarded)
        {
            _kernel.Dot(
                w + ((long)firstRow * _rowBytes), _rowBytes, rows, x + ((long)firstToken * _xStride), _xStride, tokens, K, y + GuardLength, stride);
        }
        float[] results = new float[tokens * rows];
        for (int t = 0; t < tokens; t++)
            guarded.AsSpan(GuardLength + (t * stride), rows).CopyTo(results.AsSpan(t * rows));
        for (int i = 0; i < guarded.Length; i++)
        {
            int inside = i - GuardLength;
            if (inside < 0 || inside >= tokens * stride || inside % stride >= rows)
                guarded[i].Should().Be(Guard, $"element {inside} is outside {tokens} tokens of {rows} rows");
        }
        return results;
    }

    public float[] Run() => Run(0, Rows, 0, Tokens);

    /// <summary>The dot product in float64 over the same decoded weights and the same prepared activations, and Σ|term|.</summary>
    public (double Value, double Magnitude) Reference(int row, int token)
    {
        float[] w = new float[K];
        fixed (byte* weights = _weights)
        fixed (float* decoded = w)
            _kernel.Decode(weights + ((long)row * _rowBytes), decoded, K);
        double[] x = Activations(token);
        double value = 0, magnitude = 0;
        for (int i = 0; i < K; i++)
        {
            value += w[i] * x[i];
            magnitude += Math.Abs(w[i] * x[i]);
        }
        return (value, magnitude);
    }

    /// <summary>What a prepared row of activations stands for.</summary>
    public double[] Activations(int token)
    {
        double[] x = new double[K];
        fixed (byte* row = &_activations[token * _xStride])
        {
            for (int i = 0; i < K; i++)
            {
                x[i] = _kernel.Activations switch
                {
                    ActivationFormat.Q8Small => (double)Q8SmallRow.Scales(row, K)[i / 32] * (sbyte)row[i],
                    ActivationFormat.Q8Super => (double)Q8SuperRow.Scales(row, K)[i / 256] * (sbyte)row[i],
                    _ => ((float*)row)[i],
                };
            }
        }
        return x;
    }
}
