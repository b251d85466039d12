using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>
/// Lets a device compute experts whose weights live on the host, for batches so large that sending the chosen experts' weights pays:
/// tokens × experts used ≥ threshold × experts.
/// </summary>
/// <param name="Device">The device that is sent the weights.</param>
/// <param name="Threshold">Uses per expert from which it pays, greater than 0; null to compute it from measured speeds.</param>
public sealed record OffloadPolicy(Device Device, double? Threshold = null)
{
    /// <summary>Whether a batch is large enough.</summary>
    /// <param name="threshold">Uses per expert from which it pays.</param>
    /// <param name="tokens">Tokens of the batch.</param>
    /// <param name="used">Experts chosen for a token.</param>
    /// <param name="experts">Experts of a layer.</param>
    public static bool Pays(double threshold, int tokens, int used, int experts) => (double)tokens * used >= threshold * experts;

    /// <summary>
    /// The uses per expert from which sending weights pays. With n uses, the host takes n·m/h for an expert of m multiply-adds, the device
    /// b/l + n·m/d for its b bytes; both are equal at n = (b/l) / (m/h − m/d).
    /// </summary>
    /// <param name="bytes">b: bytes of one expert's weights.</param>
    /// <param name="multiplyAdds">m: multiply-adds of one expert for one token.</param>
    /// <param name="link">l: bytes a second from the host to the device.</param>
    /// <param name="host">h: multiply-adds a second of the host.</param>
    /// <param name="device">d: multiply-adds a second of the device.</param>
    /// <returns>Positive infinity where the device is no faster than the host.</returns>
    public static double BreakEven(long bytes, long multiplyAdds, double link, double host, double device)
    {
        double saved = (multiplyAdds / host) - (multiplyAdds / device);
        return saved > 0 ? bytes / link / saved : double.PositiveInfinity;
    }
}
