namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>The methods of Python's list and tuple.</summary>
internal static class ListMethods
{
    public static RoutineTable TupleTable { get; } = new RoutineTable()
        .Add("index", "value", (state, self, a, _) => new IntValue(IndexOf(state, (SequenceValue)self, a[0] ?? NoneValue.Instance)))
        .Add("count", "value", (state, self, a, _) =>
            new IntValue(((SequenceValue)self).Items.Count(item => Comparison.Same(state, item, a[0] ?? NoneValue.Instance))));

    // Jinja's sandbox refuses whatever changes a list. "append" is let through, as templates written for llama.cpp use it:
    // every render has its own copy of the input, so nothing outside it changes.
    public static RoutineTable Table { get; } = new RoutineTable()
        .Add("index", "value", (state, self, a, _) => new IntValue(IndexOf(state, (SequenceValue)self, a[0] ?? NoneValue.Instance)))
        .Add("count", "value", (state, self, a, _) =>
            new IntValue(((SequenceValue)self).Items.Count(item => Comparison.Same(state, item, a[0] ?? NoneValue.Instance))))
        .Add("copy", "", (_, self, _, _) => new ListValue([.. ((ListValue)self).Items]))
        .Add("append", "object", (state, self, a, _) => Append((ListValue)self, a[0]))
        .Unsafe("list", "extend", "insert", "pop", "remove", "clear", "reverse", "sort");

    private static NoneValue Append(ListValue list, Value? item)
    {
        list.Items.Add(item ?? throw new ChatTemplateException("list.append() takes exactly one argument (0 given)"));
        return NoneValue.Instance;
    }

    private static int IndexOf(RenderState state, SequenceValue sequence, Value value)
    {
        for (int i = 0; i < sequence.Items.Count; i++)
        {
            if (Comparison.Same(state, sequence.Items[i], value))
                return i;
        }
        throw new ChatTemplateException($"the value is not in the {sequence.TypeName}");
    }

    /// <summary>Adds methods that only say that the sandbox forbids them.</summary>
    public static RoutineTable Unsafe(this RoutineTable table, string type, params ReadOnlySpan<string> names)
    {
        foreach (string name in names)
        {
            table.Add(name, "*", (_, _, _, _) =>
                throw new ChatTemplateException($"access to attribute '{name}' of '{type}' object is unsafe."));
        }
        return table;
    }
}

/// <summary>The methods of Python's dict.</summary>
internal static class DictMethods
{
    public static RoutineTable Table { get; } = new RoutineTable()
        .Add("keys", "", (_, self, _, _) => new ViewValue("dict_keys", [.. ((DictValue)self).Keys]))
        .Add("values", "", (_, self, _, _) => new ViewValue("dict_values", [.. ((DictValue)self).Values]))
        .Add("items", "", (_, self, _, _) => Items((DictValue)self))
        .Add("get", "key default", (state, self, a, _) => Get(state, (DictValue)self, a[0] ?? NoneValue.Instance, a[1]))
        .Add("copy", "", (_, self, _, _) => Copy((DictValue)self))
        .Unsafe("dict", "clear", "pop", "popitem", "setdefault", "update");

    public static ViewValue Items(DictValue dict) =>
        new("dict_items", [.. dict.Entries.Select(entry => new TupleValue(entry.Key, entry.Value))]);

    private static Value Get(RenderState state, DictValue dict, Value key, Value? missing)
    {
        state.ChargeSize(key);
        return dict.Contains(key) ? dict.Item(key)! : missing ?? NoneValue.Instance;
    }

    private static DictValue Copy(DictValue dict)
    {
        var copy = new DictValue();
        foreach ((Value key, Value value) in dict.Entries)
            copy.Set(key, value);
        return copy;
    }
}
