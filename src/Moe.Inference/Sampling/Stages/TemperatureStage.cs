using System.Numerics.Tensors;

namespace Moe.Inference.Sampling;

/// <summary>
/// Divides the logits by the temperature T (Ackley, Hinton and Sejnowski 1985), after moving the greatest to 0, so that a very low T gives
/// negative infinities but never a positive one.
/// </summary>
/// <param name="temperature">The T, above 0.</param>
internal sealed class TemperatureStage(float temperature) : ISamplerStage
{
    public void Apply(CandidateBuffer candidates)
    {
        Span<float> logits = candidates.Logits;
        TensorPrimitives.Subtract(logits, TensorPrimitives.Max<float>(logits), logits);
        TensorPrimitives.Divide(logits, temperature, logits);
    }
}
