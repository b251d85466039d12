using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>The functions that a chat template finds in Hugging Face's environment.</summary>
internal static class Globals
{
    private static readonly RoutineTable Functions = new RoutineTable()
        .Add("range", "*", (_, _, _, all) => Range(all))
        .Add("dict", "*", (state, _, _, all) => Dict(state, all))
        .Add("namespace", "*", (state, _, _, all) => Namespace(state, all))
        .Add("raise_exception", "message", (state, _, a, _) => throw new ChatTemplateException(
            Filters.Text(state, a[0] ?? NoneValue.Instance).Text, state.Line, raisedByTemplate: true))
        .Add("strftime_now", "format", (state, _, a, _) =>
        {
            TextValue format = TextMethods.Argument(a[0]);
            return new TextBuilder(state)
                .Append(TimeFormat.Apply(state.Clock.GetLocalNow().DateTime, format.Text), format.IsTrusted).ToText();
        });

    /// <summary>A scope with the functions in it.</summary>
    public static Scope NewScope()
    {
        var scope = new Scope(null);
        foreach (string name in (ReadOnlySpan<string>)["range", "dict", "namespace", "raise_exception", "strftime_now"])
            scope.Set(name, Functions.Bind(NoneValue.Instance, name)!);
        return scope;
    }

    private static RangeValue Range(Arguments arguments)
    {
        IReadOnlyList<Value> given = arguments.Positional;
        if (given.Count is 0 or > 3 || arguments.Named.Count > 0)
            throw new ChatTemplateException($"range expected 1 to 3 arguments, got {given.Count}");
        long start = given.Count > 1 ? Numbers.RequireIndex(given[0]) : 0;
        long stop = Numbers.RequireIndex(given[given.Count > 1 ? 1 : 0]);
        long step = given.Count > 2 ? Numbers.RequireIndex(given[2]) : 1;
        if (step == 0)
            throw new ChatTemplateException("range() arg 3 must not be zero");
        long count = Math.Max(0, step > 0 ? (stop - start + step - 1) / step : (start - stop - step - 1) / -step);
        if (count > Limits.Range)
            throw new ChatTemplateException($"Range too big. The sandbox blocks ranges larger than MAX_RANGE ({Limits.Range}).");
        return new RangeValue((int)start, (int)step, (int)count);
    }

    private static DictValue Dict(RenderState state, Arguments arguments)
    {
        var dict = new DictValue();
        foreach (Value source in arguments.Positional.Take(1))
        {
            foreach (Value item in state.ToList(source is DictValue other ? DictMethods.Items(other) : source))
            {
                if (item is not SequenceValue { Count: 2 } pair)
                    throw new ChatTemplateException("dict() takes a mapping or pairs");
                dict.Set(pair.Items[0], pair.Items[1]);
            }
        }
        foreach ((string name, Value value) in arguments.Named)
            dict.Set(new TextValue(name, true), value);
        return dict;
    }

    private static NamespaceValue Namespace(RenderState state, Arguments arguments)
    {
        var space = new NamespaceValue();
        foreach ((Value key, Value value) in Dict(state, arguments).Entries)
            space.Set(TextMethods.Argument(key).Text, value);
        return space;
    }
}
