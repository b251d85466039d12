using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>Reads overrides as llama.cpp's <c>-ot</c> takes them (common/arg.cpp): <c>REGEX=BUFFER-TYPE</c>, separated by commas.</summary>
internal static class OverrideText
{
    // Buffer types that are host memory by another name: pinned for a device, mapped from the file, or repacked.
    private const string PinnedSuffix = "_Host";
    private const string CpuPrefix = "CPU_";

    /// <summary>The rules, in the order of the text.</summary>
    /// <exception cref="FormatException">A piece is no override; the message names it.</exception>
    public static IEnumerable<PlacementRule> Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. text.Split(',').Select(ParsePiece)];
    }

    private static PlacementRule ParsePiece(string piece)
    {
        // The last one: a pattern may contain the sign, a device's name cannot.
        int sign = piece.LastIndexOf('=');
        if (sign <= 0 || sign == piece.Length - 1)
            throw new FormatException($"'{piece}' is no override; expected REGEX=DEVICE, several separated by commas");
        try
        {
            return PlacementRule.Expression(piece[..sign], DeviceOf(piece[(sign + 1)..]));
        }
        catch (Exception problem) when (problem is ArgumentException or FormatException)
        {
            throw new FormatException($"'{piece}' is no override: {problem.Message}", problem);
        }
    }

    private static Device DeviceOf(string name) =>
        name.EndsWith(PinnedSuffix, StringComparison.OrdinalIgnoreCase) || name.StartsWith(CpuPrefix, StringComparison.OrdinalIgnoreCase)
            ? Device.Cpu
            : Device.Parse(name);
}
