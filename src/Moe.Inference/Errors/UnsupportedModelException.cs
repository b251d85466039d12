namespace Moe.Inference;

/// <summary>A well-formed GGUF file holds a model, tokenizer or template that this version cannot run.</summary>
public sealed class UnsupportedModelException : MoeException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What is not supported, and what is.</param>
    /// <param name="inner">The cause, if any.</param>
    public UnsupportedModelException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
