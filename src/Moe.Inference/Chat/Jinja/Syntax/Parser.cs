namespace Moe.Inference.Chat.Jinja.Syntax;

/// <summary>Makes the syntax tree of a template: Jinja's grammar, less inheritance and imports, which a chat template cannot use.</summary>
internal sealed partial class Parser
{
    private readonly List<Token> _tokens;
    private readonly Stack<HashSet<string>> _macroNames = new();
    private int _at;
    private int _depth;
    private int _loops;

    private Parser(List<Token> tokens) => _tokens = tokens;

    public static Block Parse(string source)
    {
        if (source.Length > Limits.SourceLength)
            throw new ChatTemplateException($"the template is longer than {Limits.SourceLength} characters");
        var parser = new Parser(Lexer.Tokenize(source));
        return parser.Statements();
    }

    private Token Current => _tokens[_at];

    private Token Ahead => _tokens[Math.Min(_at + 1, _tokens.Count - 1)];

    private Token Take()
    {
        Token token = Current;
        if (token.Kind != TokenKind.End)
            _at++;
        return token;
    }

    private bool IsOperator(string sign) => Current.Is(TokenKind.Operator, sign);

    private bool IsName(string name) => Current.Is(TokenKind.Name, name);

    private bool TakeOperator(string sign)
    {
        if (!IsOperator(sign))
            return false;
        _at++;
        return true;
    }

    private bool TakeName(string name)
    {
        if (!IsName(name))
            return false;
        _at++;
        return true;
    }

    private Token Expect(TokenKind kind, string expected) =>
        Current.Kind == kind ? Take() : throw Error($"expected {expected}, got '{Current}'");

    private void ExpectOperator(string sign)
    {
        if (!TakeOperator(sign))
            throw Error($"expected token '{sign}', got '{Current}'");
    }

    private ChatTemplateException Error(string reason, int line = 0) => new(reason, line > 0 ? line : Current.Line);

    // Called where the grammar recurses; the matching decrement is skipped by errors, after which nothing is parsed.
    private void Deeper()
    {
        if (++_depth > Limits.ParseDepth)
            throw Error(Limits.TooDeep().Reason);
        Limits.CheckStack();
    }
}
