using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>Between which devices values are copied directly, not by way of the host. Equal if the links are.</summary>
public sealed class PeerLinks : IEquatable<PeerLinks>
{
    private readonly HashSet<(Device From, Device To)> _links;

    /// <summary>Takes note of links.</summary>
    /// <param name="links">From one device to another, neither of them the host.</param>
    public PeerLinks(IEnumerable<(Device From, Device To)> links)
    {
        ArgumentNullException.ThrowIfNull(links);
        _links = [.. links];
        foreach ((Device from, Device to) in _links)
        {
            if (from.IsCpu || to.IsCpu || from == to)
                throw new ArgumentException($"a direct copy from {from} to {to} is none between two devices", nameof(links));
        }
    }

    /// <summary>Whether a device may be sent values of another directly.</summary>
    public bool Has(Device from, Device to) => _links.Contains((from, to));

    /// <inheritdoc/>
    public bool Equals(PeerLinks? other) => other is not null && _links.SetEquals(other._links);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as PeerLinks);

    /// <inheritdoc/>
    public override int GetHashCode() => _links.Aggregate(0, (hash, link) => hash ^ link.GetHashCode());
}
