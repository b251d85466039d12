namespace Moe.Inference.Tokenization;

/// <summary>
/// Cuts text into words by one or more expressions. Each stage searches every word of the stage before for its matches; what lies between
/// two matches is a word as well. Immutable.
/// </summary>
/// <param name="stages">The stages, each the alternatives of one expression in order.</param>
internal sealed class PreTokenizer(params Rule[][] stages)
{
    /// <summary>Whether a word that is in the vocabulary becomes that token without merging.</summary>
    public bool PrefersWholeWords { get; init; }

    /// <summary>Whether encoding begins with the begin-of-text token where the file does not say.</summary>
    public bool AddsBos { get; init; }

    /// <summary>Appends the places where the words of <paramref name="text"/> end; together they cover the text.</summary>
    public void Split(ReadOnlySpan<char> text, List<int> ends) => Split(text, 0, 0, ends);

    private void Split(ReadOnlySpan<char> word, int offset, int stage, List<int> ends)
    {
        if (stage == stages.Length)
        {
            ends.Add(offset + word.Length);
            return;
        }
        int done = 0;
        for (int at = 0; at < word.Length;)
        {
            int end = Match(stages[stage], word, at);
            if (end < 0)
            {
                at += at + 1 < word.Length && char.IsSurrogatePair(word[at], word[at + 1]) ? 2 : 1;
                continue;
            }
            if (at > done)
                Split(word[done..at], offset + done, stage + 1, ends);
            Split(word[at..end], offset + at, stage + 1, ends);
            at = done = end;
        }
        if (word.Length > done)
            Split(word[done..], offset + done, stage + 1, ends);
    }

    private static int Match(Rule[] alternatives, ReadOnlySpan<char> text, int at)
    {
        foreach (Rule alternative in alternatives)
        {
            int end = alternative(text, at);
            if (end >= 0)
                return end;
        }
        return -1;
    }
}
