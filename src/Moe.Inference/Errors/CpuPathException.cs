namespace Moe.Inference;

/// <summary>The environment variable <c>MOE_CPU</c> asks for an instruction set that is unknown or that this machine does not have.</summary>
public sealed class CpuPathException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="requested">What was asked for.</param>
    /// <param name="message">Why it cannot be had, and what can.</param>
    public CpuPathException(string requested, string message)
        : base(message) => Requested = requested;

    /// <summary>What was asked for.</summary>
    public string Requested { get; }
}
