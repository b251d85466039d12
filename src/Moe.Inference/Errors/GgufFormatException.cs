namespace Moe.Inference;

/// <summary>A GGUF file is truncated, inconsistent, or of a version this library does not read.</summary>
public sealed class GgufFormatException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="file">Path of the file.</param>
    /// <param name="offset">Byte offset, from the start of the file, of the datum that is wrong.</param>
    /// <param name="reason">What is wrong there, as a sentence without the file's name.</param>
    /// <param name="inner">The cause, if any.</param>
    public GgufFormatException(string file, long offset, string reason, Exception? inner = null)
        : base($"{file}: {reason} (at byte {offset})", inner)
    {
        File = file;
        Offset = offset;
        Reason = reason;
    }

    /// <summary>Path of the file.</summary>
    public string File { get; }

    /// <summary>Byte offset, from the start of the file, of the datum that is wrong.</summary>
    public long Offset { get; }

    /// <summary>What is wrong, without the file's name.</summary>
    public string Reason { get; }
}
