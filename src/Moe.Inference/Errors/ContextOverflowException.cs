namespace Moe.Inference;

/// <summary>A sequence would grow beyond its context, or the context's key/value memory is taken by other sessions.</summary>
public sealed class ContextOverflowException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="wanted">Tokens that the sequence would hold.</param>
    /// <param name="capacity">Tokens that it may hold.</param>
    /// <param name="reason">What ran out, and what to do.</param>
    public ContextOverflowException(int wanted, int capacity, string reason)
        : base($"{reason} ({wanted} tokens wanted, {capacity} possible)")
    {
        Wanted = wanted;
        Capacity = capacity;
    }

    /// <summary>Tokens that the sequence would hold.</summary>
    public int Wanted { get; }

    /// <summary>Tokens that it may hold.</summary>
    public int Capacity { get; }
}
