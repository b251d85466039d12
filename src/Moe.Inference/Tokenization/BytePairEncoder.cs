using System.Runtime.InteropServices;
using System.Text;

namespace Moe.Inference.Tokenization;

/// <summary>
/// Byte-level BPE (Sennrich et al. 2016, over bytes as in GPT-2): a pre-tokenizer cuts the text into words, each word starts as its UTF-8
/// bytes, and pairs are joined in the order of the merge list.
/// </summary>
internal sealed class BytePairEncoder : ITextEncoder
{
    private readonly PreTokenizer _preTokenizer;
    private readonly TokenTable _tokens;
    private readonly MergeTable _merges;
    private readonly int? _unknown;

    public BytePairEncoder(Vocabulary vocabulary)
    {
        _preTokenizer = PreTokenizers.Find(vocabulary.PreTokenizer);
        _tokens = new TokenTable(vocabulary, ToBytes);
        _merges = new MergeTable(vocabulary, _tokens);
        _unknown = vocabulary.UnknownPiece;
    }

    public TokenTable Tokens => _tokens;

    public bool AddsBos => _preTokenizer.AddsBos;

    public bool AddsSpacePrefix => false;

    public byte[] ToBytes(string token, TokenType type) => ByteAlphabet.ToBytes(token);

    public void Encode(ReadOnlySpan<char> text, EncoderScratch scratch, List<int> ids)
    {
        scratch.WordEnds.Clear();
        _preTokenizer.Split(text, scratch.WordEnds);
        int start = 0;
        foreach (int end in CollectionsMarshal.AsSpan(scratch.WordEnds))
        {
            EncodeWord(text[start..end], scratch, ids);
            start = end;
        }
    }

    private void EncodeWord(ReadOnlySpan<char> word, EncoderScratch scratch, List<int> ids)
    {
        Span<byte> bytes = scratch.Bytes(Encoding.UTF8.GetMaxByteCount(word.Length));
        bytes = bytes[..Encoding.UTF8.GetBytes(word, bytes)];

        if (_preTokenizer.PrefersWholeWords)
        {
            Span<char> chars = scratch.Chars(bytes.Length)[..bytes.Length];
            ByteAlphabet.ToChars(bytes, chars);
            if (_tokens.TryGetPiece(chars, out int whole))
            {
                ids.Add(whole);
                return;
            }
        }

        SymbolMerger merger = scratch.Merger;
        merger.Clear();
        for (int i = 0; i < bytes.Length; i++)
            merger.Add(new Symbol(i, 1, _merges.ByteIds[bytes[i]]));
        merger.Merge(new Rule(_merges));

        foreach (Symbol symbol in merger.Symbols)
        {
            if (symbol.Length == 0)
                continue;
            if (symbol.Id < _tokens.Count)
                ids.Add(symbol.Id);
            else
                AddBytes(bytes.Slice(symbol.Start, symbol.Length), ids);
        }
    }

    private void AddBytes(ReadOnlySpan<byte> bytes, List<int> ids)
    {
        foreach (byte value in bytes)
        {
            if (_merges.ByteIds[value] < _tokens.Count)
                ids.Add(_merges.ByteIds[value]);
            else if (_unknown is int unknown)
                ids.Add(unknown);
        }
    }

    private readonly struct Rule(MergeTable merges) : IMergeRule
    {
        public bool TryMerge(in Symbol left, in Symbol right, out int id, out uint rank) =>
            merges.TryMerge(left.Id, right.Id, out id, out rank);
    }
}
