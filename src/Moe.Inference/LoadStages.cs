using Moe.Inference.Gguf;

namespace Moe.Inference;

/// <summary>Loading as one count: what comes into host memory, then what is copied to devices.</summary>
/// <param name="target">Told how far it has come; null if nobody wants to know.</param>
/// <param name="hostBytes">Bytes of the first stage.</param>
/// <param name="deviceBytes">Bytes of the second.</param>
internal sealed class LoadStages(IProgress<LoadProgress>? target, long hostBytes, long deviceBytes) : IProgress<GgufReadProgress>
{
    private long _copied;

    /// <summary>Something came into host memory.</summary>
    public void Report(GgufReadProgress value) => Tell(value.BytesRead);

    /// <summary>Some bytes more are on their device; not to be called by two threads at once.</summary>
    public void Copied(long bytes)
    {
        _copied += bytes;
        Tell(hostBytes + _copied);
    }

    private void Tell(long bytes) => target?.Report(new LoadProgress(bytes, hostBytes + deviceBytes));
}
