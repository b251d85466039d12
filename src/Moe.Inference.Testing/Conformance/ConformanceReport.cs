using System.Globalization;
using System.Text;

namespace Moe.Inference.Testing;

/// <summary>One case in which a kernel was wrong.</summary>
/// <param name="Operation">The operation's name.</param>
/// <param name="Case">The case: operands, sizes, threads.</param>
/// <param name="Element">The first wrong element, by operand, row and column.</param>
/// <param name="Expected">What should be there, with the tolerance.</param>
/// <param name="Found">What was there.</param>
public sealed record ConformanceFailure(string Operation, string Case, string Element, string Expected, string Found)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Operation}, {Case}: {Element}: expected {Expected}, found {Found}";
}

/// <summary>What <see cref="OpConformance"/> found out about a kernel.</summary>
public sealed class ConformanceReport
{
    internal ConformanceReport(string operation, string kernel, string device, int runs, IReadOnlyList<string> refused, IReadOnlyList<ConformanceFailure> failures)
    {
        Operation = operation;
        Kernel = kernel;
        Device = device;
        Runs = runs;
        Refused = refused;
        Failures = failures;
    }

    /// <summary>The operation's name.</summary>
    public string Operation { get; }

    /// <summary>The kernel's class.</summary>
    public string Kernel { get; }

    /// <summary>What it ran on.</summary>
    public string Device { get; }

    /// <summary>Runs of the kernel; a case may be run several times, with other threads or other memory.</summary>
    public int Runs { get; }

    /// <summary>Cases that the kernel refuses, each with its reason.</summary>
    public IReadOnlyList<string> Refused { get; }

    /// <summary>What was wrong, in the order it was found.</summary>
    public IReadOnlyList<ConformanceFailure> Failures { get; }

    /// <summary>Whether the kernel ran and nothing was wrong. A kernel that refuses every case has not passed.</summary>
    public bool Passed => Failures.Count == 0 && Runs > 0;

    /// <summary>Does nothing if the kernel passed.</summary>
    /// <exception cref="ConformanceException">It did not.</exception>
    public void ThrowIfFailed()
    {
        if (!Passed)
            throw new ConformanceException(this);
    }

    /// <summary>A summary in one line, then a line per failure.</summary>
    public override string ToString()
    {
        StringBuilder text = new();
        text.Append(CultureInfo.InvariantCulture, $"{Operation} by {Kernel} on {Device}: {Runs} runs, {Refused.Count} cases refused, {Failures.Count} failures");
        if (Runs == 0 && Refused.Count > 0)
            text.Append(CultureInfo.InvariantCulture, $"\n  every case was refused, the first as: {Refused[0]}");
        foreach (ConformanceFailure failure in Failures)
            text.Append(CultureInfo.InvariantCulture, $"\n  {failure}");
        return text.ToString();
    }
}
