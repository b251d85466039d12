using System.CommandLine;

namespace Moe.Inference.Samples;

/// <summary>The options that decide how weights on the host lie in its memory.</summary>
internal sealed class HostArguments
{
    private readonly Option<string?> _numa = new("--numa") { Description = "Where the host's memory lies on a machine with several memory nodes: none (as the system decides) or interleave" };
    private readonly Option<string?> _repack = new("--repack") { Description = "Copies of weights in an order that is faster for prompts on the host, as large as the weights: off, load, or lazy (made when first used)" };

    public HostArguments(Command command)
    {
        _numa.AcceptOnlyFromAmong("none", "interleave");
        _repack.AcceptOnlyFromAmong("off", "load", "lazy");
        command.Add(_numa);
        command.Add(_repack);
    }

    /// <summary>Whether weights are to be repacked.</summary>
    public Repacking Repacking(ParseResult parsed) => parsed.GetValue(_repack) switch
    {
        "load" => Inference.Repacking.AtLoad,
        "lazy" => Inference.Repacking.Lazy,
        _ => Inference.Repacking.Off,
    };

    /// <summary>How to load a model onto the host.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="options">The context that will be made.</param>
    public ModelOptions Loading(ParseResult parsed, ContextOptions options) => new()
    {
        PlannedContext = options,
        Numa = parsed.GetValue(_numa) == "interleave" ? NumaPolicy.Interleave : NumaPolicy.None,
        Repacking = Repacking(parsed),
    };
}
