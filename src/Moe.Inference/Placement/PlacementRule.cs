using System.Text;
using System.Text.RegularExpressions;
using Moe.Inference.Tensors;

namespace Moe.Inference.Placement;

/// <summary>One line of a placement: tensors whose name matches live on a device.</summary>
public sealed class PlacementRule
{
    // What llama.cpp's --cpu-moe matches: routed experts, also those of chunked layers, but no shared ones.
    private const string ExpertTensors = @"\.ffn_(up|down|gate|gate_up)_(ch|)exps";

    private readonly Regex _regex;

    private PlacementRule(string pattern, Regex regex, Device device)
    {
        Pattern = pattern;
        _regex = regex;
        Device = device;
    }

    /// <summary>The pattern as it was written.</summary>
    public string Pattern { get; }

    /// <summary>Where matching tensors live.</summary>
    public Device Device { get; }

    /// <summary>A rule by glob: <c>*</c> stands for any text, <c>?</c> for one character; the whole name must match.</summary>
    public static PlacementRule Glob(string pattern, Device device)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        StringBuilder regex = new("^");
        foreach (char c in pattern)
            regex.Append(c switch { '*' => ".*", '?' => ".", _ => Regex.Escape(c.ToString()) });
        return new PlacementRule(pattern, Compile(regex.Append('$').ToString()), device);
    }

    /// <summary>A rule by regular expression that may match anywhere in the name, as llama.cpp's <c>-ot</c> does.</summary>
    /// <exception cref="ArgumentException">The text is no regular expression.</exception>
    public static PlacementRule Expression(string pattern, Device device)
    {
        ArgumentException.ThrowIfNullOrEmpty(pattern);
        return new PlacementRule(pattern, Compile(pattern), device);
    }

    /// <summary>A rule for everything that belongs to some layers.</summary>
    public static PlacementRule Layers(IEnumerable<int> layers, Device device) => Expression($@"^blk\.({string.Join('|', layers)})\.", device);

    /// <summary>A rule for the routed experts of all layers.</summary>
    public static PlacementRule Experts(Device device) => Expression(ExpertTensors, device);

    /// <summary>A rule for the routed experts of some layers.</summary>
    public static PlacementRule Experts(IEnumerable<int> layers, Device device) => Expression($@"^blk\.({string.Join('|', layers)}){ExpertTensors}", device);

    /// <summary>Whether a tensor's name matches.</summary>
    public bool Matches(string tensorName) => _regex.IsMatch(tensorName);

    /// <inheritdoc/>
    public override string ToString() => $"{Pattern}={Device}";

    // A linear-time engine: a pattern from a command line must not be able to hang the planner.
    private static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking);
        }
        catch (NotSupportedException)
        {
            return new Regex(pattern, RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));
        }
    }
}
