using System.Runtime.InteropServices;

namespace Moe.Inference.Sampling;

/// <summary>The accepted tokens, and how often each occurs among the latest of them, kept up to date token by token.</summary>
internal sealed class TokenHistory
{
    private readonly List<int> _tokens;
    private readonly int _window;

    /// <summary>Starts an empty history.</summary>
    /// <param name="window">How many of the latest tokens are counted; -1 for all.</param>
    public TokenHistory(int window)
    {
        _window = window < 0 ? int.MaxValue : window;
        _tokens = [];
        Counts = [];
    }

    private TokenHistory(TokenHistory other)
    {
        _window = other._window;
        _tokens = [.. other._tokens];
        Counts = new(other.Counts);
    }

    /// <summary>Every token, oldest first.</summary>
    public ReadOnlySpan<int> Tokens => CollectionsMarshal.AsSpan(_tokens);

    /// <summary>The tokens of the window and how often each occurs there, at least once.</summary>
    public Dictionary<int, int> Counts { get; }

    public void Add(int token)
    {
        _tokens.Add(token);
        if (_window == 0)
            return;
        CollectionsMarshal.GetValueRefOrAddDefault(Counts, token, out _)++;
        if (_tokens.Count > _window)
            Leave(_tokens[_tokens.Count - 1 - _window]);
    }

    public TokenHistory Clone() => new(this);

    private void Leave(int token)
    {
        if (--CollectionsMarshal.GetValueRefOrNullRef(Counts, token) == 0)
            Counts.Remove(token);
    }
}
