namespace Moe.Inference.Gguf;

/// <summary>What to do about the pages of a mapped file before they are used.</summary>
public enum GgufPrefetch
{
    /// <summary>Nothing: each page is read when it is first touched.</summary>
    None,

    /// <summary>Ask the kernel to read ahead (<c>madvise</c> with <c>MADV_WILLNEED</c>), without waiting. Does nothing except on Linux.</summary>
    Hint,

    /// <summary>As <see cref="Hint"/>, and touch every page before returning.</summary>
    Load,
}
