using System.Buffers;

namespace Moe.Inference.Tokenization;

/// <summary>
/// Finds the tokens that are matched in the text as they are, before anything else: of the matches, the leftmost, and of those that start
/// at one place, the longest (as Hugging Face's tokenizers do).
/// </summary>
internal sealed class AddedTokenMatcher
{
    private readonly SearchValues<char> _firstChars;
    private readonly Dictionary<char, int[]> _lengthsByFirstChar;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids;

    /// <param name="tokens">The texts to find and their ids; empty texts are left out.</param>
    public AddedTokenMatcher(IEnumerable<KeyValuePair<string, int>> tokens)
    {
        Dictionary<string, int> ids = new(tokens.Where(token => token.Key.Length > 0), StringComparer.Ordinal);
        _ids = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        _lengthsByFirstChar = ids.Keys.GroupBy(text => text[0]).ToDictionary(
            group => group.Key,
            group => group.Select(text => text.Length).Distinct().OrderDescending().ToArray());
        _firstChars = SearchValues.Create([.. _lengthsByFirstChar.Keys]);
    }

    /// <summary>Finds the first match in <paramref name="text"/>; returns its place, or -1.</summary>
    public int Find(ReadOnlySpan<char> text, out int length, out int id)
    {
        for (int at = 0; at < text.Length; at++)
        {
            int step = text[at..].IndexOfAny(_firstChars);
            if (step < 0)
                break;
            at += step;
            foreach (int candidate in _lengthsByFirstChar[text[at]])
            {
                if (candidate <= text.Length - at && _ids.TryGetValue(text.Slice(at, candidate), out id))
                {
                    length = candidate;
                    return at;
                }
            }
        }
        length = 0;
        id = -1;
        return -1;
    }
}
