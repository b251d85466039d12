namespace Moe.Inference;

/// <summary>
/// Whether weights that the host multiplies with prompts get a copy in an order that its kernels take faster, as large as the weights themselves.
/// The originals stay as they are: generation reads them, and so do devices that experts are sent to. Results do not depend on it, to the last bit.
/// </summary>
public enum Repacking
{
    /// <summary>No copies.</summary>
    Off,

    /// <summary>All copies are made while loading.</summary>
    AtLoad,

    /// <summary>A copy of rows is made when a prompt first needs them: loading takes no longer, and experts that are never chosen take no memory.</summary>
    Lazy,
}

/// <summary>What repacking takes.</summary>
/// <param name="Policy">What was asked for.</param>
/// <param name="Bytes">Bytes of copies: in a report all that may be made, at a model those that have been.</param>
/// <param name="Time">In a report about how long all of it takes with all cores; at a model how long it took, for <see cref="Repacking.Lazy"/> summed over threads.</param>
public readonly record struct RepackingUse(Repacking Policy, long Bytes, TimeSpan Time);
