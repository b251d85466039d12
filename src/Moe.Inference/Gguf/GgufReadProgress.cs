namespace Moe.Inference.Gguf;

/// <summary>How much of a file's tensor data is in memory.</summary>
/// <param name="BytesRead">Bytes so far.</param>
/// <param name="TotalBytes">Bytes in all.</param>
public readonly record struct GgufReadProgress(long BytesRead, long TotalBytes);
