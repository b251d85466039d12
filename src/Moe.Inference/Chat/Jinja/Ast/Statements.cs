namespace Moe.Inference.Chat.Jinja;

/// <summary>Text of the template itself.</summary>
internal sealed class DataStatement(string text, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        state.Output.Append(text, trusted: true);
        return Flow.Next;
    }
}

/// <summary><c>{{ value }}</c>.</summary>
internal sealed class OutputStatement(Expression value, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        state.Output.Append(value.Evaluate(state));
        return Flow.Next;
    }
}

internal sealed class IfStatement(IReadOnlyList<(Expression Test, Block Body)> branches, Block otherwise, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        foreach ((Expression test, Block body) in branches)
        {
            if (test.Evaluate(state).IsTrue)
                return body.Execute(state);
        }
        return otherwise.Execute(state);
    }
}

internal sealed class BreakStatement(Flow flow, int line) : Statement(line)
{
    protected override Flow Run(RenderState state) => flow;
}

/// <summary><c>{% set target = value %}</c>.</summary>
internal sealed class SetStatement(Target target, Expression value, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        target.Assign(state, value.Evaluate(state));
        return Flow.Next;
    }
}

/// <summary><c>{% set target %}…{% endset %}</c>.</summary>
internal sealed class SetBlockStatement(Target target, FilterExpression? filter, Block body, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        TextValue text = state.Capture(new Scope(state.Scope), body);
        target.Assign(state, filter?.Apply(state, text) ?? text);
        return Flow.Next;
    }
}

/// <summary><c>{% filter name %}…{% endfilter %}</c>.</summary>
internal sealed class FilterStatement(FilterExpression filter, Block body, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        state.Output.Append(filter.Apply(state, state.Capture(new Scope(state.Scope), body)));
        return Flow.Next;
    }
}

/// <summary><c>{% with a = 1 %}…{% endwith %}</c>, and with no names <c>{% generation %}…{% endgeneration %}</c>.</summary>
internal sealed class WithStatement(IReadOnlyList<(Target Target, Expression Value)> assignments, Block body, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        Scope outer = state.Scope;
        List<Value> values = [.. assignments.Select(assignment => assignment.Value.Evaluate(state))];
        state.Scope = new Scope(outer);
        for (int i = 0; i < values.Count; i++)
            assignments[i].Target.Assign(state, values[i]);
        Flow flow = body.Execute(state);
        state.Scope = outer;
        return flow;
    }
}

/// <summary>A macro's name, parameters and body; also those of a call block.</summary>
internal sealed record MacroDefinition(string Name, IReadOnlyList<Parameter> Parameters, Block Body, IReadOnlySet<string> Names)
{
    /// <summary>Whether the body mentions a name; what it does not mention, it does not take.</summary>
    public bool Uses(string name) => Names.Contains(name);
}

internal sealed class MacroStatement(MacroDefinition definition, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        state.Scope.Set(definition.Name, new MacroValue(definition, state.Scope));
        return Flow.Next;
    }
}

/// <summary><c>{% call macro(…) %}…{% endcall %}</c>.</summary>
internal sealed class CallStatement(CallExpression call, MacroDefinition caller, int line) : Statement(line)
{
    protected override Flow Run(RenderState state)
    {
        state.Output.Append(call.Invoke(state, new MacroValue(caller, state.Scope)));
        return Flow.Next;
    }
}

/// <summary>What a value can be assigned to.</summary>
internal abstract record Target
{
    public abstract void Assign(RenderState state, Value value);
}

internal sealed record NameTarget(string Name) : Target
{
    public override void Assign(RenderState state, Value value) => state.Scope.Set(Name, value);
}

/// <summary><c>namespace.name</c>.</summary>
internal sealed record MemberTarget(string Name, string Member) : Target
{
    public override void Assign(RenderState state, Value value)
    {
        if (state.Scope.Find(Name) is not NamespaceValue space)
            throw new ChatTemplateException("cannot assign attribute on non-namespace object");
        space.Set(Member, value);
    }
}

internal sealed record TupleTarget(IReadOnlyList<Target> Targets) : Target
{
    public override void Assign(RenderState state, Value value)
    {
        if (value.Iterate() is null)
            throw new ChatTemplateException($"cannot unpack non-iterable {value.TypeName} object");
        List<Value> items = state.ToList(value);
        if (items.Count != Targets.Count)
        {
            throw new ChatTemplateException(items.Count > Targets.Count
                ? $"too many values to unpack (expected {Targets.Count})"
                : $"not enough values to unpack (expected {Targets.Count}, got {items.Count})");
        }
        for (int i = 0; i < items.Count; i++)
            Targets[i].Assign(state, items[i]);
    }
}
