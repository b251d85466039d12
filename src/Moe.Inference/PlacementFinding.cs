namespace Moe.Inference;

/// <summary>How much a finding matters.</summary>
public enum FindingSeverity
{
    /// <summary>The placement makes no sense so; a model is not loaded with it.</summary>
    Error,

    /// <summary>It works, but is probably not what was meant, or slower than need be.</summary>
    Warning,

    /// <summary>Good to know.</summary>
    Note,
}

/// <summary>Kinds of findings.</summary>
public enum FindingKind
{
    /// <summary>A rule matches no tensor.</summary>
    UnmatchedRule,

    /// <summary>A split of experts concerns no layer that has any.</summary>
    UnmatchedSplit,

    /// <summary>Gate and up of a feed-forward network, or of experts, live on different devices.</summary>
    SeparatedGateAndUp,

    /// <summary>All tensors that a rule matches are placed by others that come before it.</summary>
    ShadowedRule,

    /// <summary>A layer is in several splits, of which only the first counts.</summary>
    ShadowedSplit,

    /// <summary>Down of a feed-forward network, or of experts, lives on another device than gate and up.</summary>
    SeparatedDown,

    /// <summary>The matrices of a layer's attention live on different devices.</summary>
    SeparatedAttention,

    /// <summary>Small tensors live on another device than the large ones they work with.</summary>
    LeftBehind,

    /// <summary>A layer's experts are split over devices.</summary>
    SplitExperts,
}

/// <summary>Something about a placement that one should know before loading.</summary>
/// <param name="Severity">How much it matters.</param>
/// <param name="Kind">What kind of thing.</param>
/// <param name="Message">What exactly, for people.</param>
public sealed record PlacementFinding(FindingSeverity Severity, FindingKind Kind, string Message);
