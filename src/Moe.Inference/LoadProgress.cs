namespace Moe.Inference;

/// <summary>How far loading has come.</summary>
/// <param name="BytesLoaded">Bytes of weights brought into host memory, and of those copied to devices.</param>
/// <param name="TotalBytes">Bytes of both in all.</param>
public readonly record struct LoadProgress(long BytesLoaded, long TotalBytes)
{
    /// <summary>From 0 to 1.</summary>
    public double Fraction => TotalBytes == 0 ? 1 : (double)BytesLoaded / TotalBytes;
}
