namespace Moe.Inference.Chat.Jinja.Syntax;

internal sealed partial class Parser
{
    /// <summary>Statements up to one of the tags named, whose name becomes the current token; none named: to the end.</summary>
    private Block Statements(params ReadOnlySpan<string> ends)
    {
        var statements = new List<Statement>();
        while (true)
        {
            Token token = Take();
            switch (token.Kind)
            {
                case TokenKind.Data:
                    statements.Add(new DataStatement(token.Text, token.Line));
                    break;
                case TokenKind.OutputBegin:
                    statements.Add(new OutputStatement(Tuple(), token.Line));
                    Expect(TokenKind.OutputEnd, "end of print statement");
                    break;
                case TokenKind.TagBegin when Current.Kind == TokenKind.Name && ends.Contains(Current.Text):
                    return new Block(statements);
                case TokenKind.TagBegin:
                    statements.Add(Statement(ends));
                    Expect(TokenKind.TagEnd, "end of statement block");
                    break;
                default:
                    if (ends.Length > 0)
                        throw Error($"Unexpected end of template. Jinja was looking for the following tags: {Alternatives(ends)}.", token.Line);
                    return new Block(statements);
            }
        }
    }

    /// <summary>The body of a tag, up to and with the last of the tags that end it.</summary>
    private Block Body(string end)
    {
        Block body = BodyUpTo(end);
        Take();
        return body;
    }

    private Block BodyUpTo(params ReadOnlySpan<string> ends)
    {
        TakeOperator(":");
        Expect(TokenKind.TagEnd, "end of statement block");
        return Statements(ends);
    }

    private Statement Statement(ReadOnlySpan<string> ends)
    {
        Deeper();
        Token tag = Expect(TokenKind.Name, "a tag's name");
        Statement statement = tag.Text switch
        {
            "for" => For(tag.Line),
            "if" => If(tag.Line),
            "set" => Set(tag.Line),
            "macro" => Macro(tag.Line),
            "call" => Call(tag.Line),
            "filter" => new FilterStatement(FilterChain(startInline: true)!, Detached(() => Body("endfilter")), tag.Line),
            "with" => With(tag.Line),
            // Hugging Face's mark around what the assistant says: training uses it, rendering does not.
            "generation" => new WithStatement([], Detached(() => Body("endgeneration")), tag.Line),
            "break" or "continue" when _loops == 0 => throw Error($"'{tag.Text}' outside loop", tag.Line),
            "break" => new BreakStatement(Flow.Break, tag.Line),
            "continue" => new BreakStatement(Flow.Continue, tag.Line),
            _ => throw Error($"Encountered unknown tag '{tag.Text}'."
                + (ends.Length > 0 ? $" Jinja was looking for the following tags: {Alternatives(ends)}." : ""), tag.Line),
        };
        _depth--;
        return statement;
    }

    private ForStatement For(int line)
    {
        Target target = AssignmentTarget(untilIn: true);
        if (!TakeName("in"))
            throw Error($"expected token 'in', got '{Current}'");
        Expression items = Tuple(conditional: false, untilRecursive: true);
        Expression? test = TakeName("if") ? Expression() : null;
        bool recursive = TakeName("recursive");
        _loops++;
        Block body = BodyUpTo("endfor", "else");
        _loops--;
        Block otherwise = Take().Text == "else" ? Body("endfor") : Block.Empty;
        return new ForStatement(target, items, test, recursive, body, otherwise, line);
    }

    private IfStatement If(int line)
    {
        var branches = new List<(Expression, Block)>();
        while (true)
        {
            Expression test = Tuple(conditional: false);
            branches.Add((test, BodyUpTo("elif", "else", "endif")));
            switch (Take().Text)
            {
                case "elif":
                    continue;
                case "else":
                    return new IfStatement(branches, Body("endif"), line);
                default:
                    return new IfStatement(branches, Block.Empty, line);
            }
        }
    }

    private Statement Set(int line)
    {
        Target target = AssignmentTarget(members: true);
        if (TakeOperator("="))
            return new SetStatement(target, Tuple(), line);
        FilterExpression? filter = FilterChain(startInline: false);
        return new SetBlockStatement(target, filter, Detached(() => Body("endset")), line);
    }

    private WithStatement With(int line)
    {
        var assignments = new List<(Target, Expression)>();
        while (Current.Kind != TokenKind.TagEnd)
        {
            if (assignments.Count > 0)
                ExpectOperator(",");
            Target target = AssignmentTarget();
            ExpectOperator("=");
            assignments.Add((target, Expression()));
        }
        return new WithStatement(assignments, Body("endwith"), line);
    }

    private MacroStatement Macro(int line)
    {
        string name = Expect(TokenKind.Name, "a macro's name").Text;
        return new MacroStatement(Definition(name, needsSignature: true, "endmacro", null), line);
    }

    private CallStatement Call(int line)
    {
        CallExpression? call = null;
        MacroDefinition caller = Definition("caller", needsSignature: false, "endcall", () =>
            call = Expression() as CallExpression ?? throw Error("expected call", line));
        return new CallStatement(call!, caller, line);
    }

    // Parameters and body of a macro; between the two, what else the tag holds.
    private MacroDefinition Definition(string name, bool needsSignature, string end, Action? between)
    {
        var parameters = new List<Parameter>();
        if (needsSignature || IsOperator("("))
        {
            ExpectOperator("(");
            while (!TakeOperator(")"))
            {
                if (parameters.Count > 0)
                    ExpectOperator(",");
                string parameter = Expect(TokenKind.Name, "a parameter's name").Text;
                Expression? fallback = TakeOperator("=") ? Expression() : null;
                if (fallback is null && parameters.Count > 0 && parameters[^1].Default is not null)
                    throw Error("non-default argument follows default argument");
                parameters.Add(new Parameter(parameter, fallback));
            }
        }
        between?.Invoke();
        _macroNames.Push([]);
        Block body = Detached(() => Body(end));
        return new MacroDefinition(name, parameters, body, _macroNames.Pop());
    }

    // A body that the loops around it cannot be left from.
    private Block Detached(Func<Block> parse)
    {
        int loops = _loops;
        _loops = 0;
        Block body = parse();
        _loops = loops;
        return body;
    }

    private Target AssignmentTarget(bool untilIn = false, bool members = false)
    {
        var targets = new List<Target>();
        bool isTuple = false;
        do
        {
            if (targets.Count > 0 && (Current.Kind == TokenKind.TagEnd || IsOperator(")") || (untilIn && IsName("in"))))
                break;
            targets.Add(SingleTarget(members));
            isTuple |= IsOperator(",");
        }
        while (TakeOperator(","));
        return isTuple ? new TupleTarget(targets) : targets[0];
    }

    private Target SingleTarget(bool members)
    {
        if (TakeOperator("("))
        {
            Deeper();
            Target inner = AssignmentTarget(members: members);
            _depth--;
            ExpectOperator(")");
            return inner;
        }
        Token name = Expect(TokenKind.Name, "a name to assign to");
        if (name.Text is "true" or "false" or "none" or "True" or "False" or "None")
            throw Error($"can't assign to '{name.Text}'", name.Line);
        return members && TakeOperator(".")
            ? new MemberTarget(name.Text, Expect(TokenKind.Name, "a name").Text)
            : new NameTarget(name.Text);
    }

    private static string Alternatives(ReadOnlySpan<string> ends) => $"'{string.Join("' or '", ends.ToArray())}'";
}
