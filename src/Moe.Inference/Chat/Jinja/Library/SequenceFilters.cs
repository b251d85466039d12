using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Jinja's filters on lists and dictionaries; those that are lazy in Jinja are lazy here.</summary>
internal static class SequenceFilters
{
    public static RoutineTable AddTo(RoutineTable table) => table
        .Add("length", "", (_, v, _, _) =>
            new IntValue(v.Count ?? throw new ChatTemplateException($"object of type '{v.TypeName}' has no len()"))).Alias("count", "length")
        .Add("list", "", (state, v, _, _) => new ListValue(state.ToList(v)))
        .Add("items", "", (_, v, _, _) => new GeneratorValue(Items(v)))
        .Add("first", "", (state, v, _, _) =>
            state.Walk(v).FirstOrDefault() ?? new UndefinedValue("No first item, sequence was empty."))
        .Add("last", "", (state, v, _, _) => Last(state, v))
        .Add("join", "d attribute", Join)
        .Add("reverse", "", (state, v, _, _) => Reverse(state, v))
        .Add("sort", "reverse case_sensitive attribute", (state, v, a, _) =>
            new ListValue(Sorting.Sort(state, state.ToList(v), Sorting.Keys(state, a[2], IsTrue(a[1])), IsTrue(a[0]))))
        .Add("dictsort", "case_sensitive by reverse", DictSort)
        .Add("unique", "case_sensitive attribute", (state, v, a, _) =>
            new GeneratorValue(Unique(state, v, Sorting.Key(state, a[1], IsTrue(a[0])))))
        .Add("min", "case_sensitive attribute", (state, v, a, _) => Extreme(state, v, a, "<"))
        .Add("max", "case_sensitive attribute", (state, v, a, _) => Extreme(state, v, a, ">"))
        .Add("sum", "attribute start", (state, v, a, _) => state.Walk(v).Aggregate(a[1] ?? new IntValue(0),
            (sum, item) => Operators.Apply(state, "+", sum, a[0] is null or NoneValue ? item : Lookup.Path(state, item, a[0]!))))
        .Add("batch", "linecount fill_with", (state, v, a, _) =>
            new GeneratorValue(Batch(state, v, Numbers.RequireIndex(Filters.Given(a[0], "linecount")), a[1])))
        .Add("map", "*", (state, v, _, all) => new GeneratorValue(Map(state, v, all)))
        .Add("select", "*", (state, v, _, all) => Select(state, v, all, byAttribute: false, keep: true))
        .Add("reject", "*", (state, v, _, all) => Select(state, v, all, byAttribute: false, keep: false))
        .Add("selectattr", "*", (state, v, _, all) => Select(state, v, all, byAttribute: true, keep: true))
        .Add("rejectattr", "*", (state, v, _, all) => Select(state, v, all, byAttribute: true, keep: false));

    private static bool IsTrue(Value? value) => value?.IsTrue ?? false;

    private static IEnumerable<Value> Items(Value value)
    {
        if (value is not (UndefinedValue or DictValue))
            throw new ChatTemplateException("Can only get item pairs from a mapping.");
        if (value is not DictValue dict)
            yield break;
        foreach (Value pair in DictMethods.Items(dict).Iterate())
            yield return pair;
    }

    private static Value Last(RenderState state, Value value)
    {
        if (value is GeneratorValue)
            throw new ChatTemplateException("'generator' object is not reversible");
        return state.Walk(value).LastOrDefault() ?? new UndefinedValue("No last item, sequence was empty.");
    }

    private static TextValue Join(RenderState state, Value value, Value?[] a, Arguments all)
    {
        IEnumerable<Value> items = state.Walk(value);
        if (a[1] is { } attribute and not NoneValue)
            items = items.Select(item => Lookup.Path(state, item, attribute));
        // Without autoescape Jinja takes the plain texts, Markup or not.
        TextValue separator = a[0] is null ? TextValue.Empty : Filters.Text(state, a[0]!).WithMarkup(false);
        return TextOperations.Join(state, separator, items, convert: true);
    }

    private static Value Reverse(RenderState state, Value value)
    {
        if (value.Iterate() is null)
            throw new ChatTemplateException("argument must be iterable");
        List<Value> items = state.ToList(value);
        items.Reverse();
        if (value is GeneratorValue)
            return new ListValue(items);
        if (value is not TextValue text)
            return new GeneratorValue(items);
        return TextOperations.Join(state, TextValue.Empty, items, convert: true).WithMarkup(text.IsMarkup);
    }

    private static ListValue DictSort(RenderState state, Value value, Value?[] a, Arguments all)
    {
        if (value is not DictValue dict)
            throw Operators.Undefined(value, value) ?? new ChatTemplateException($"'{value.TypeName}' object has no attribute 'items'");
        string by = a[1] is null ? "key" : TextMethods.Argument(a[1]).Text;
        if (by is not ("key" or "value"))
            throw new ChatTemplateException("You can only sort by either \"key\" or \"value\"");
        Func<Value, IReadOnlyList<Value>> keys = Sorting.Keys(state, new IntValue(by == "key" ? 0 : 1), IsTrue(a[0]));
        return new ListValue(Sorting.Sort(state, state.ToList(DictMethods.Items(dict)), keys, IsTrue(a[2])));
    }

    private static IEnumerable<Value> Unique(RenderState state, Value items, Func<Value, Value> key)
    {
        var seen = new DictValue();
        foreach (Value item in state.Walk(items))
        {
            Value at = key(item);
            state.ChargeSize(at);
            if (seen.Contains(at))
                continue;
            seen.Set(at, BoolValue.True);
            yield return item;
        }
    }

    private static Value Extreme(RenderState state, Value value, Value?[] a, string sign)
    {
        Func<Value, Value> key = Sorting.Key(state, a[1], IsTrue(a[0]));
        Value? best = null;
        foreach (Value item in state.Walk(value))
        {
            if (best is null || CompareExpression.Holds(state, sign, key(item), key(best)))
                best = item;
        }
        return best ?? new UndefinedValue("No aggregated item, sequence was empty.");
    }

    private static IEnumerable<Value> Batch(RenderState state, Value items, int size, Value? fill)
    {
        var batch = new List<Value>();
        foreach (Value item in state.Walk(items))
        {
            if (batch.Count == size)
            {
                yield return new ListValue(batch);
                batch = [];
            }
            batch.Add(item);
        }
        if (batch.Count == 0)
            yield break;
        if (fill is not (null or NoneValue) && size > Limits.Range)
            throw new ChatTemplateException("the batches are too long");
        while (fill is not (null or NoneValue) && batch.Count < size)
            batch.Add(fill);
        yield return new ListValue(batch);
    }

    private static IEnumerable<Value> Map(RenderState state, Value value, Arguments arguments)
    {
        if (!value.IsTrue && value.Iterate() is null)
            yield break;
        Func<Value, Value> map;
        if (arguments.Positional.Count == 0 && arguments.Find("attribute") is { } attribute)
        {
            Value? missing = arguments.Find("default") is { } given and not NoneValue ? given : null;
            map = item => Lookup.Path(state, item, attribute, missing);
        }
        else
        {
            if (arguments.Positional.Count == 0)
                throw new ChatTemplateException("map requires a filter argument");
            string name = TextMethods.Argument(arguments.Positional[0]).Text;
            Routine filter = Filters.Table.Find(name) ?? throw new ChatTemplateException($"No filter named '{name}'.");
            Arguments rest = arguments.Skip(1);
            map = item => filter.Call(state, item, rest);
        }
        foreach (Value item in state.Walk(value))
            yield return map(item);
    }

    private static GeneratorValue Select(RenderState state, Value value, Arguments arguments, bool byAttribute, bool keep)
    {
        // Jinja's guard: nothing at all, None included, gives nothing.
        if (!value.IsTrue)
            return new GeneratorValue([]);
        int offset = byAttribute ? 1 : 0;
        if (arguments.Positional.Count < offset)
            throw new ChatTemplateException("Missing parameter for attribute name");
        Func<Value, Value> subject = byAttribute ? item => Lookup.Path(state, item, arguments.Positional[0]) : item => item;
        Func<Value, bool> test = item => item.IsTrue;
        if (arguments.Positional.Count > offset)
        {
            string name = TextMethods.Argument(arguments.Positional[offset]).Text;
            Routine routine = Tests.Find(name) ?? throw new ChatTemplateException($"No test named '{name}'.");
            Arguments rest = arguments.Skip(offset + 1);
            test = item => routine.Call(state, item, rest).IsTrue;
        }
        return new GeneratorValue(Where(state, value, item => test(subject(item)) == keep));
    }

    private static IEnumerable<Value> Where(RenderState state, Value items, Func<Value, bool> keep)
    {
        foreach (Value item in state.Walk(items))
        {
            if (keep(item))
                yield return item;
        }
    }
}
