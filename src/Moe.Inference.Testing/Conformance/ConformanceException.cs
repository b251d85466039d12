namespace Moe.Inference.Testing;

/// <summary>A kernel does not compute what its operation says. The message lists the failures.</summary>
public sealed class ConformanceException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="report">What was found.</param>
    public ConformanceException(ConformanceReport report)
        : base(report?.ToString())
    {
        ArgumentNullException.ThrowIfNull(report);
        Report = report;
    }

    /// <summary>What was found.</summary>
    public ConformanceReport Report { get; }
}
