using Moe.Inference.Ops;

namespace Moe.Inference.Execution.Validation;

/// <summary>How validation mode checks steps.</summary>
/// <param name="Reference">A backend of the host that runs each step again.</param>
/// <param name="Kernels">The kernels it uses.</param>
/// <param name="Tolerance">Largest difference of an element, relative to the largest magnitude of its row.</param>
internal sealed record ValidationSettings(IBackend Reference, OpRegistry Kernels, float Tolerance)
{
    /// <summary>Bytes kept free on both sides of every piece of memory.</summary>
    public const int GuardBytes = 256;

    /// <summary>What guards hold.</summary>
    public const byte GuardPattern = 0xA5;

    /// <summary>What memory holds that nobody has written: every float of it is NaN.</summary>
    public const byte PoisonPattern = 0xFF;
}
