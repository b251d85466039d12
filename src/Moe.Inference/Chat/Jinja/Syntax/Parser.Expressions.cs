using System.Globalization;
using System.Numerics;
using System.Text;

namespace Moe.Inference.Chat.Jinja.Syntax;

internal sealed partial class Parser
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];

    /// <summary>An expression, or several with commas between as a tuple.</summary>
    private Expression Tuple(bool conditional = true, bool untilRecursive = false, bool parenthesized = false)
    {
        int line = Current.Line;
        var items = new List<Expression>();
        bool isTuple = false;
        while (true)
        {
            if (Current.Kind is TokenKind.OutputEnd or TokenKind.TagEnd || IsOperator(")") || (untilRecursive && IsName("recursive")))
                break;
            items.Add(conditional ? Expression() : Or());
            if (!TakeOperator(","))
                break;
            isTuple = true;
        }
        if (isTuple || (items.Count == 0 && parenthesized))
            return new TupleExpression(items, line);
        return items.Count > 0 ? items[0] : throw Error($"Expected an expression, got '{Current}'");
    }

    private Expression Expression()
    {
        Deeper();
        int line = Current.Line;
        Expression value = Or();
        while (TakeName("if"))
        {
            Expression test = Or();
            Expression? otherwise = TakeName("else") ? Expression() : null;
            value = new ConditionalExpression(test, value, otherwise, line);
        }
        _depth--;
        return value;
    }

    private Expression Or()
    {
        Expression left = And();
        while (IsName("or"))
            left = new LogicalExpression(false, left, line: Take().Line, right: And());
        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        while (IsName("and"))
            left = new LogicalExpression(true, left, line: Take().Line, right: Not());
        return left;
    }

    private Expression Not()
    {
        if (!IsName("not"))
            return Compare();
        Deeper();
        Expression not = new NotExpression(line: Take().Line, operand: Not());
        _depth--;
        return not;
    }

    private Expression Compare()
    {
        int line = Current.Line;
        Expression first = Sum();
        var chain = new List<(string, Expression)>();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text))
                chain.Add((Take().Text, Sum()));
            else if (TakeName("in"))
                chain.Add(("in", Sum()));
            else if (IsName("not") && Ahead.Is(TokenKind.Name, "in"))
                chain.Add((Take(2), Sum()));
            else
                return chain.Count == 0 ? first : new CompareExpression(first, chain, line);
        }
    }

    private string Take(int count)
    {
        _at += count;
        return "not in";
    }

    private Expression Sum()
    {
        Expression left = Concat();
        while (IsOperator("+") || IsOperator("-"))
        {
            Token sign = Take();
            left = new ArithmeticExpression(sign.Text, left, Concat(), sign.Line);
        }
        return left;
    }

    private Expression Concat()
    {
        int line = Current.Line;
        Expression first = Product();
        if (!IsOperator("~"))
            return first;
        var items = new List<Expression> { first };
        while (TakeOperator("~"))
            items.Add(Product());
        return new ConcatExpression(items, line);
    }

    private Expression Product()
    {
        Expression left = Power();
        while (IsOperator("*") || IsOperator("/") || IsOperator("//") || IsOperator("%"))
        {
            Token sign = Take();
            left = new ArithmeticExpression(sign.Text, left, Power(), sign.Line);
        }
        return left;
    }

    // Jinja's power binds to the left, unlike Python's.
    private Expression Power()
    {
        Expression left = Unary(filters: true);
        while (IsOperator("**"))
        {
            int line = Take().Line;
            left = new ArithmeticExpression("**", left, Unary(filters: true), line);
        }
        return left;
    }

    private Expression Unary(bool filters)
    {
        Deeper();
        Expression value;
        if (IsOperator("-") || IsOperator("+"))
        {
            Token sign = Take();
            value = new SignExpression(sign.Text == "-", Unary(filters: false), sign.Line);
        }
        else
        {
            value = Primary();
        }
        value = Postfix(value);
        _depth--;
        return filters ? FiltersAndTests(value) : value;
    }

    private Expression Primary()
    {
        Token token = Take();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return (Expression?)Constant(token) ?? Variable(token);
            case TokenKind.Text:
                var text = new StringBuilder(token.Text);
                while (Current.Kind == TokenKind.Text)
                    text.Append(Take().Text);
                return new Literal(new TextValue(text.ToString(), true), token.Line);
            case TokenKind.Integer:
                return new Literal(Integer(token), token.Line);
            case TokenKind.Float:
                return new Literal(new FloatValue(double.Parse(Plain(token), CultureInfo.InvariantCulture)), token.Line);
            case TokenKind.Operator when token.Text == "(":
                Expression inner = Tuple(parenthesized: true);
                ExpectOperator(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return List(token.Line);
            case TokenKind.Operator when token.Text == "{":
                return Dict(token.Line);
            default:
                throw Error($"unexpected '{token}'", token.Line);
        }
    }

    private static Literal? Constant(Token name) => name.Text switch
    {
        "true" or "True" => new Literal(BoolValue.True, name.Line),
        "false" or "False" => new Literal(BoolValue.False, name.Line),
        "none" or "None" => new Literal(NoneValue.Instance, name.Line),
        _ => null,
    };

    private Name Variable(Token name)
    {
        foreach (HashSet<string> names in _macroNames)
            names.Add(name.Text);
        return new Name(name.Text, name.Line);
    }

    private static string Plain(Token token) => token.Text.Replace("_", "", StringComparison.Ordinal);

    private IntValue Integer(Token token)
    {
        string digits = Plain(token);
        // Python's limit on the digits of a literal; parsing takes the square of them.
        if (digits.Length > 4300)
            throw Error("Exceeds the limit (4300 digits) for integer string conversion", token.Line);
        int radix = digits.Length < 2 ? 10 : char.ToLowerInvariant(digits[1]) switch { 'x' => 16, 'o' => 8, 'b' => 2, _ => 10 };
        if (radix == 10)
            return new IntValue(BigInteger.Parse(digits, CultureInfo.InvariantCulture));
        BigInteger value = BigInteger.Zero;
        foreach (char digit in digits.AsSpan(2))
            value = (value * radix) + Convert.ToInt32(digit.ToString(), 16);
        return new IntValue(value);
    }

    private ListExpression List(int line)
    {
        var items = new List<Expression>();
        while (!TakeOperator("]"))
        {
            if (items.Count > 0)
                ExpectOperator(",");
            if (TakeOperator("]"))
                break;
            items.Add(Expression());
        }
        return new ListExpression(items, line);
    }

    private DictExpression Dict(int line)
    {
        var entries = new List<(Expression, Expression)>();
        while (!TakeOperator("}"))
        {
            if (entries.Count > 0)
                ExpectOperator(",");
            if (TakeOperator("}"))
                break;
            Expression key = Expression();
            ExpectOperator(":");
            entries.Add((key, Expression()));
        }
        return new DictExpression(entries, line);
    }
}
