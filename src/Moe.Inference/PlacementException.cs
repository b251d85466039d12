namespace Moe.Inference;

/// <summary>A placement makes no sense; no weight was read.</summary>
public sealed class PlacementException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="report">The report that says what is wrong.</param>
    public PlacementException(PlacementReport report)
        : base(Describe(report)) => Report = report;

    /// <summary>The report, errors first.</summary>
    public PlacementReport Report { get; }

    private static string Describe(PlacementReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return string.Join("; ", report.Findings.Where(finding => finding.Severity == FindingSeverity.Error).Select(finding => finding.Message));
    }
}
