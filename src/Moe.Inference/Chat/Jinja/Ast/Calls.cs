using Moe.Inference.Chat.Jinja.Library;

namespace Moe.Inference.Chat.Jinja;

/// <summary>The arguments as written at a call, a filter or a test.</summary>
internal sealed record ArgumentList(
    IReadOnlyList<Expression> Positional,
    IReadOnlyList<(string Name, Expression Value)> Named,
    Expression? Rest = null,
    Expression? NamedRest = null)
{
    public static ArgumentList None { get; } = new([], []);

    public Arguments Evaluate(RenderState state)
    {
        if (Positional.Count == 0 && Named.Count == 0 && Rest is null && NamedRest is null)
            return Arguments.None;
        List<Value> positional = [.. Positional.Select(argument => argument.Evaluate(state))];
        List<KeyValuePair<string, Value>> named = [.. Named.Select(argument => KeyValuePair.Create(argument.Name, argument.Value.Evaluate(state)))];
        if (Rest is not null)
            positional.AddRange(state.ToList(Rest.Evaluate(state)));
        if (NamedRest is not null)
        {
            DictValue rest = NamedRest.Evaluate(state) as DictValue ?? throw new ChatTemplateException("argument after ** must be a mapping");
            state.ChargeSize(rest);
            foreach ((Value key, Value value) in rest.Entries)
                named.Add(KeyValuePair.Create(Python.TextMethods.Argument(key).Text, value));
        }
        return new Arguments(positional, named);
    }
}

internal sealed class CallExpression(Expression callee, ArgumentList arguments, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => Invoke(state, null);

    /// <summary>Calls with the body of a call block as the argument <c>caller</c>.</summary>
    public Value Invoke(RenderState state, Value? caller)
    {
        Value function = callee.Evaluate(state);
        if (function is UndefinedValue undefined)
            throw undefined.Error();
        if (function is not CallableValue callable)
            throw new ChatTemplateException($"'{function.TypeName}' object is not callable");
        Arguments given = arguments.Evaluate(state);
        if (caller is not null)
            given = given with { Named = [.. given.Named, KeyValuePair.Create("caller", caller)] };
        return callable.Call(state, given);
    }
}

/// <summary><c>value | filter(…)</c>; without an operand, what a filter block or a block assignment applies to its text.</summary>
internal sealed class FilterExpression(Expression? operand, string name, ArgumentList arguments, int line) : Expression(line)
{
    private readonly Routine? _filter = Filters.Table.Find(name);

    /// <summary>Applies a chain of filters that has no operand of its own.</summary>
    public Value Apply(RenderState state, Value subject)
    {
        int outer = state.Enter(Line);
        Value value = operand is FilterExpression inner ? inner.Apply(state, subject) : operand?.Evaluate(state) ?? subject;
        // Known only here: a template may use a filter that is not there where it does not get to.
        Routine filter = _filter ?? throw new ChatTemplateException($"No filter named '{name}'.");
        Value filtered = filter.Call(state, value, arguments.Evaluate(state));
        state.Leave(outer);
        return filtered;
    }

    protected override Value Compute(RenderState state) => Apply(state, NoneValue.Instance);
}

/// <summary><c>value is test(…)</c>.</summary>
internal sealed class TestExpression(Expression operand, string name, ArgumentList arguments, int line) : Expression(line)
{
    private readonly Routine? _test = Tests.Table.Find(name);

    protected override Value Compute(RenderState state)
    {
        Value value = operand.Evaluate(state);
        Routine test = _test ?? throw new ChatTemplateException($"No test named '{name}'.");
        return test.Call(state, value, arguments.Evaluate(state));
    }
}
