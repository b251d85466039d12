namespace Moe.Inference.Cuda.Memory;

/// <summary>Where memory comes from.</summary>
internal interface IMemorySource
{
    /// <summary>What it is, for logs.</summary>
    string Description { get; }

    /// <summary>Whether many allocations are better taken from one: each costs time, and is rounded up.</summary>
    bool TakesPieces { get; }

    /// <summary>Memory of the device, its contents undefined; null if there is not so much.</summary>
    IMemoryOwner? Allocate(long bytes);

    /// <summary>Host memory that is locked in place, which copies to and from any device reach directly; null if there is not so much.</summary>
    IMemoryOwner? AllocatePinned(long bytes);
}

/// <summary>A piece of memory; disposing gives it back.</summary>
internal interface IMemoryOwner : IDisposable
{
    /// <summary>Its first byte.</summary>
    nint Address { get; }
}
