using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Syntax;

/// <summary>
/// Cuts a template into tokens, with Jinja's rules for white space under <c>trim_blocks</c> (a line end right after a tag goes)
/// and <c>lstrip_blocks</c> (blanks before a tag at the start of a line go); <c>-</c> and <c>+</c> in a tag override them.
/// </summary>
internal sealed class Lexer
{
    private readonly string _source;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;
    private int _lineCountedTo;

    private Lexer(string source) => _source = source;

    public static List<Token> Tokenize(string source)
    {
        // As Jinja does: line ends become "\n", and one at the very end goes.
        source = source.Replace("\r\n", "\n", StringComparison.Ordinal).Replace('\r', '\n');
        var lexer = new Lexer(source.EndsWith('\n') ? source[..^1] : source);
        lexer.Run();
        return lexer._tokens;
    }

    private void Run()
    {
        bool lineStarting = true;
        while (NextTag() is { } open)
        {
            int after = open + 2;
            char sign = after < _source.Length && _source[after] is '-' or '+' ? _source[after] : '\0';
            AddData(_at, open, sign, lineStarting && _source[open + 1] != '{', _source[open + 1] != '{');
            _at = sign == '\0' ? after : after + 1;
            switch (_source[open + 1])
            {
                case '#':
                    SkipComment();
                    break;
                case '{':
                    new ExpressionLexer(this, output: true).Run();
                    break;
                default:
                    if (!TryRaw(open, sign))
                        new ExpressionLexer(this, output: false).Run();
                    break;
            }
            lineStarting = _source[_at - 1] == '\n';
        }
        if (_at < _source.Length)
            Add(TokenKind.Data, _source[_at..], _at);
        Add(TokenKind.End, "", _source.Length);
    }

    private int? NextTag()
    {
        for (int at = _at; (at = _source.IndexOf('{', at)) >= 0 && at + 1 < _source.Length; at++)
        {
            if (_source[at + 1] is '%' or '{' or '#')
                return at;
        }
        return null;
    }

    // The text before a tag, less what the tag takes away.
    private void AddData(int start, int end, char sign, bool lineStarting, bool strips)
    {
        int to = end;
        if (sign == '-')
        {
            while (to > start && CharacterRules.IsSpace(_source[to - 1]))
                to--;
        }
        else if (sign != '+' && strips)
        {
            int line = _source.AsSpan(start, end - start).LastIndexOf('\n') + 1 + start;
            if ((line > start || lineStarting) && _source.AsSpan(line, end - line).IsAllSpace())
                to = line;
        }
        if (to > start)
            Add(TokenKind.Data, _source[start..to], start);
    }

    private void SkipComment()
    {
        int start = _at;
        int close = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (close < 0)
            throw Error("Missing end of comment tag", start);
        char sign = close > start ? _source[close - 1] : '\0';
        _at = close + 2;
        AfterTag(sign, trims: true);
    }

    // {% raw %}…{% endraw %}: all between is text.
    private bool TryRaw(int open, char sign)
    {
        int at = _at;
        if (!SkipWord(ref at, "raw") || TagClose(at, plusToo: false) is not { } begin)
            return false;
        _at = begin.End;
        AfterTag(begin.Sign, trims: false);
        int start = _at;
        for (int next = start; (next = _source.IndexOf("{%", next, StringComparison.Ordinal)) >= 0; next += 2)
        {
            at = next + 2;
            char endSign = at < _source.Length && _source[at] is '-' or '+' ? _source[at++] : '\0';
            if (!SkipWord(ref at, "endraw") || TagClose(at, plusToo: true) is not { } end)
                continue;
            AddData(start, next, endSign, _source[start - 1] == '\n', true);
            _at = end.End;
            AfterTag(end.Sign, trims: true);
            return true;
        }
        throw Error("Missing end of raw directive", open);
    }

    private bool SkipWord(ref int at, string word)
    {
        SkipSpace(ref at);
        if (string.CompareOrdinal(_source, at, word, 0, word.Length) != 0)
            return false;
        at += word.Length;
        SkipSpace(ref at);
        return true;
    }

    // The end of a tag at a position: where it ends and its sign.
    private (int End, char Sign)? TagClose(int at, bool plusToo)
    {
        char sign = at < _source.Length && (_source[at] == '-' || (plusToo && _source[at] == '+')) ? _source[at] : '\0';
        int close = sign == '\0' ? at : at + 1;
        return string.CompareOrdinal(_source, close, "%}", 0, 2) == 0 ? (close + 2, sign) : null;
    }

    private void AfterTag(char sign, bool trims)
    {
        if (sign == '-')
            SkipSpace(ref _at);
        else if (trims && sign != '+' && _at < _source.Length && _source[_at] == '\n')
            _at++;
    }

    private void SkipSpace(ref int at)
    {
        while (at < _source.Length && CharacterRules.IsSpace(_source[at]))
            at++;
    }

    private void Add(TokenKind kind, string text, int position) => _tokens.Add(new Token(kind, text, LineOf(position)));

    private int LineOf(int position)
    {
        // Positions come in ascending order, but for an error's.
        if (position < _lineCountedTo)
            return _source.AsSpan(0, position).Count('\n') + 1;
        _line += _source.AsSpan(_lineCountedTo, position - _lineCountedTo).Count('\n');
        _lineCountedTo = position;
        return _line;
    }

    private ChatTemplateException Error(string reason, int position) => new(reason, LineOf(Math.Min(position, _source.Length)));

    /// <summary>Cuts the inside of one tag.</summary>
    private readonly struct ExpressionLexer(Lexer lexer, bool output)
    {
        private static readonly string[] Operators =
        [
            "//", "**", "==", "!=", ">=", "<=",
            "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".", ":", "|", ",", ";",
        ];

        private string Source => lexer._source;

        public void Run()
        {
            lexer.Add(output ? TokenKind.OutputBegin : TokenKind.TagBegin, "", lexer._at);
            var open = new Stack<char>();
            while (true)
            {
                if (open.Count == 0 && TryEnd())
                    return;
                lexer.SkipSpace(ref lexer._at);
                if (open.Count == 0 && TryEnd())
                    return;
                if (lexer._at >= Source.Length)
                    throw lexer.Error($"unexpected end of template, expected '{(output ? "}}" : "%}")}'", lexer._at);
                Next(open);
            }
        }

        private bool TryEnd()
        {
            char sign = lexer._at < Source.Length && (Source[lexer._at] == '-' || (!output && Source[lexer._at] == '+'))
                ? Source[lexer._at] : '\0';
            int close = sign == '\0' ? lexer._at : lexer._at + 1;
            if (string.CompareOrdinal(Source, close, output ? "}}" : "%}", 0, 2) != 0)
                return false;
            lexer.Add(output ? TokenKind.OutputEnd : TokenKind.TagEnd, "", lexer._at);
            lexer._at = close + 2;
            lexer.AfterTag(sign, trims: !output);
            return true;
        }

        private void Next(Stack<char> open)
        {
            int start = lexer._at;
            char c = Source[start];
            if (char.IsAsciiDigit(c))
            {
                (TokenKind kind, int end) = Literals.Number(Source, start);
                Take(kind, end);
            }
            else if (char.IsLetter(c) || c == '_')
            {
                int end = start + 1;
                while (end < Source.Length && (char.IsLetterOrDigit(Source[end]) || Source[end] == '_'))
                    end++;
                Take(TokenKind.Name, end);
            }
            else if (c is '\'' or '"')
            {
                int end = Literals.EndOfText(Source, start);
                if (end < 0)
                    throw lexer.Error($"unexpected char '{c}': the text it begins does not end", start);
                string? text = Literals.Unescape(Source.AsSpan(start + 1, end - start - 2));
                lexer.Add(TokenKind.Text, text ?? throw lexer.Error("a text holds a malformed escape", start), start);
                lexer._at = end;
            }
            else
            {
                Take(TokenKind.Operator, start + Operator(start, open).Length);
            }
        }

        private string Operator(int start, Stack<char> open)
        {
            string found = "";
            foreach (string candidate in Operators)
            {
                if (string.CompareOrdinal(Source, start, candidate, 0, candidate.Length) != 0)
                    continue;
                found = candidate;
                break;
            }
            if (found is "(" or "[" or "{")
                open.Push(found[0] == '(' ? ')' : found[0] == '[' ? ']' : '}');
            else if (found is ")" or "]" or "}" && (!open.TryPop(out char expected) || expected != found[0]))
                throw lexer.Error($"unexpected '{found}'", start);
            return found.Length > 0 ? found : throw lexer.Error($"unexpected char '{Source[start]}'", start);
        }

        private void Take(TokenKind kind, int end)
        {
            lexer.Add(kind, Source[lexer._at..end], lexer._at);
            lexer._at = end;
        }
    }
}
