namespace Moe.Inference;

/// <summary>The base of every exception this library and its device packages throw on their own account.</summary>
public abstract class MoeException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What happened, and to what.</param>
    /// <param name="inner">The cause, if any.</param>
    protected MoeException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
