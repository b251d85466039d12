namespace Moe.Inference.Chat.Jinja;

/// <summary>A parameter of a macro.</summary>
internal sealed record Parameter(string Name, Expression? Default);

/// <summary>A macro, or the body of a call block, with the scope it was defined in.</summary>
internal sealed class MacroValue(MacroDefinition definition, Scope closure) : CallableValue
{
    public override string TypeName => "Macro";

    public override string Describe() => "jinja2.runtime.Macro object";

    public override Value? Attribute(string name) => name == "name" ? new TextValue(definition.Name, true) : null;

    public override Value Call(RenderState state, Arguments arguments)
    {
        int outer = state.Enter(state.Line);
        var scope = new Scope(closure);
        Bind(state, scope, arguments);
        TextValue text = state.Capture(scope, definition.Body);
        state.Leave(outer);
        return text;
    }

    private void Bind(RenderState state, Scope scope, Arguments arguments)
    {
        List<KeyValuePair<string, Value>> named = [.. arguments.Named];
        Scope calling = state.Scope;
        state.Scope = scope;
        for (int i = 0; i < definition.Parameters.Count; i++)
        {
            Parameter parameter = definition.Parameters[i];
            Value? given = i < arguments.Positional.Count ? arguments.Positional[i] : Take(named, parameter.Name);
            scope.Set(parameter.Name, given ?? parameter.Default?.Evaluate(state)
                ?? new UndefinedValue($"parameter '{parameter.Name}' was not provided"));
        }
        state.Scope = calling;

        if (definition.Uses("caller") && definition.Parameters.All(p => p.Name != "caller"))
            scope.Set("caller", Take(named, "caller") ?? new UndefinedValue("No caller defined"));
        if (definition.Uses("kwargs"))
        {
            var rest = new DictValue();
            foreach ((string key, Value value) in named)
                rest.Set(new TextValue(key, true), value);
            scope.Set("kwargs", rest);
        }
        else if (named.Count > 0)
        {
            throw new ChatTemplateException($"macro '{definition.Name}' takes no keyword argument '{named[0].Key}'");
        }
        if (definition.Uses("varargs"))
            scope.Set("varargs", new TupleValue([.. arguments.Positional.Skip(definition.Parameters.Count)]));
        else if (arguments.Positional.Count > definition.Parameters.Count)
            throw new ChatTemplateException($"macro '{definition.Name}' takes not more than {definition.Parameters.Count} argument(s)");
    }

    private static Value? Take(List<KeyValuePair<string, Value>> named, string name)
    {
        int at = named.FindIndex(entry => entry.Key == name);
        if (at < 0)
            return null;
        Value value = named[at].Value;
        named.RemoveAt(at);
        return value;
    }
}
