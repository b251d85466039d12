using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>Normally distributed numbers of mean 0, by Box and Muller's method.</summary>
internal sealed class Gaussian(ulong seed, double deviation)
{
    private Xoshiro256 _random = new(seed);

    /// <summary>Fills an array.</summary>
    public void Fill(Span<float> numbers)
    {
        for (int i = 0; i < numbers.Length; i += 2)
        {
            double radius = deviation * Math.Sqrt(-2 * Math.Log(1 - _random.NextDouble()));
            (double sine, double cosine) = Math.SinCos(Math.Tau * _random.NextDouble());
            numbers[i] = (float)(radius * cosine);
            if (i + 1 < numbers.Length)
                numbers[i + 1] = (float)(radius * sine);
        }
    }
}
