namespace Moe.Inference.Samples;

/// <summary>The command line asks for what cannot be; the message says it in one line.</summary>
internal sealed class UsageException(string message) : Exception(message);
