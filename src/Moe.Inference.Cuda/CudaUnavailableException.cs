namespace Moe.Inference.Cuda;

/// <summary>CUDA cannot be used on this machine.</summary>
public sealed class CudaUnavailableException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="missing">What is missing or too old, one sentence each.</param>
    public CudaUnavailableException(IReadOnlyList<string> missing)
        : base($"CUDA cannot be used here: {string.Join("; ", missing)}") => Missing = missing;

    /// <summary>What is missing or too old, one sentence each.</summary>
    public IReadOnlyList<string> Missing { get; }
}
