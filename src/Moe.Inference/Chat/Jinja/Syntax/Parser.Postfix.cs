namespace Moe.Inference.Chat.Jinja.Syntax;

internal sealed partial class Parser
{
    private Expression Postfix(Expression value)
    {
        while (true)
        {
            if (IsOperator("."))
                value = Member(value);
            else if (IsOperator("["))
                value = Subscript(value);
            else if (IsOperator("("))
                value = new CallExpression(value, line: Current.Line, arguments: CallArguments());
            else
                return value;
        }
    }

    private Expression FiltersAndTests(Expression value)
    {
        while (true)
        {
            if (IsOperator("|"))
                value = Filter(value);
            else if (IsName("is"))
                value = Test(value);
            else if (IsOperator("("))
                value = new CallExpression(value, line: Current.Line, arguments: CallArguments());
            else
                return value;
        }
    }

    private Expression Member(Expression value)
    {
        int line = Take().Line;
        Token member = Take();
        return member.Kind switch
        {
            TokenKind.Name => new AttributeExpression(value, member.Text, line),
            TokenKind.Integer => new ItemExpression(value, new Literal(Integer(member), member.Line), line),
            _ => throw Error("expected name or number", member.Line),
        };
    }

    private Expression Subscript(Expression value)
    {
        int line = Take().Line;
        if (IsOperator("]"))
            throw Error("expected a subscript");
        Expression? start = IsOperator(":") ? null : Expression();
        if (!TakeOperator(":"))
        {
            Expression key = start!;
            if (IsOperator(","))
            {
                var keys = new List<Expression> { key };
                while (TakeOperator(","))
                    keys.Add(Expression());
                key = new TupleExpression(keys, line);
            }
            ExpectOperator("]");
            return new ItemExpression(value, key, line);
        }
        Expression? stop = IsOperator(":") || IsOperator("]") ? null : Expression();
        Expression? step = TakeOperator(":") && !IsOperator("]") ? Expression() : null;
        ExpectOperator("]");
        return new SliceExpression(value, start, stop, step, line);
    }

    private FilterExpression Filter(Expression? value)
    {
        ExpectOperator("|");
        return NamedFilter(value);
    }

    private FilterExpression NamedFilter(Expression? value)
    {
        Token name = Expect(TokenKind.Name, "a filter's name");
        return new FilterExpression(value, DottedName(name.Text), IsOperator("(") ? CallArguments() : ArgumentList.None, name.Line);
    }

    /// <summary>Filters without a value: of a filter block, whose tag begins with a name, or of a block assignment.</summary>
    private FilterExpression? FilterChain(bool startInline)
    {
        FilterExpression? filter = startInline ? NamedFilter(null) : null;
        while (IsOperator("|"))
            filter = Filter(filter);
        return filter;
    }

    private Expression Test(Expression value)
    {
        int line = Take().Line;
        bool negated = TakeName("not");
        string name = DottedName(Expect(TokenKind.Name, "a test's name").Text);
        ArgumentList arguments = ArgumentList.None;
        if (IsOperator("("))
        {
            arguments = CallArguments();
        }
        else if (Current.Kind is TokenKind.Text or TokenKind.Integer or TokenKind.Float
            || (Current.Kind == TokenKind.Name && Current.Text is not ("else" or "or" or "and"))
            || IsOperator("[") || IsOperator("{"))
        {
            if (IsName("is"))
                throw Error("You cannot chain multiple tests with is");
            arguments = new ArgumentList([Postfix(Primary())], []);
        }
        Expression test = new TestExpression(value, name, arguments, line);
        return negated ? new NotExpression(test, line) : test;
    }

    private string DottedName(string name)
    {
        while (TakeOperator("."))
            name += "." + Expect(TokenKind.Name, "a name").Text;
        return name;
    }

    private ArgumentList CallArguments()
    {
        int line = Current.Line;
        ExpectOperator("(");
        var positional = new List<Expression>();
        var named = new List<(string, Expression)>();
        Expression? rest = null;
        Expression? namedRest = null;
        bool first = true;
        while (!TakeOperator(")"))
        {
            if (!first)
                ExpectOperator(",");
            first = false;
            if (TakeOperator(")"))
                break;
            bool valid = namedRest is null;
            if (TakeOperator("*"))
            {
                valid &= rest is null;
                rest = Expression();
            }
            else if (TakeOperator("**"))
            {
                namedRest = Expression();
            }
            else if (Current.Kind == TokenKind.Name && Ahead.Is(TokenKind.Operator, "="))
            {
                string name = Take().Text;
                Take();
                named.Add((name, Expression()));
            }
            else
            {
                valid &= rest is null && named.Count == 0;
                positional.Add(Expression());
            }
            if (!valid)
                throw Error("invalid syntax for function call expression", line);
        }
        return new ArgumentList(positional, named, rest, namedRest);
    }
}
