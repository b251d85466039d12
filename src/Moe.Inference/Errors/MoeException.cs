namespace Moe.Inference;

/// <summary>The base of every exception this library throws on its own account.</summary>
public abstract class MoeException : Exception
{
    protected MoeException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
