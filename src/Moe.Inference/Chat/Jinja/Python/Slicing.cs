namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>value[start:stop:step]</c>.</summary>
internal static class Slicing
{
    /// <summary>The slice, or null for a value that cannot be sliced.</summary>
    public static Value? Apply(RenderState state, Value value, Value? start, Value? stop, Value? step)
    {
        if (value is not (TextValue or ListValue or TupleValue or RangeValue))
            return null;
        int stride = step is null or NoneValue ? 1 : Index(step);
        if (stride == 0)
            throw new ChatTemplateException("slice step cannot be zero");
        int count = value.Count!.Value;
        int from = Clamp(start, stride > 0 ? 0 : count - 1, count, stride);
        int to = Clamp(stop, stride > 0 ? count : -1, count, stride);
        long length = Math.Max(0, stride > 0 ? ((long)to - from + stride - 1) / stride : ((long)from - to - stride - 1) / -(long)stride);

        if (value is TextValue text)
            return SliceText(state, text, from, stride, (int)length);
        state.Charge(length);
        var items = new List<Value>((int)length);
        for (int i = 0; i < length; i++)
            items.Add(((SequenceValue)value).Items[from + (i * stride)]);
        return value is TupleValue ? new TupleValue([.. items]) : new ListValue(items);
    }

    /// <summary>The positions that optional start and stop arguments of a method mean.</summary>
    public static (int From, int To) Bounds(Value? start, Value? stop, int count) =>
        start is not null and not NoneValue && Index(start) > count
            ? (count, -1) : (Clamp(start, 0, count, 1), Clamp(stop, count, count, 1));

    private static TextValue SliceText(RenderState state, TextValue text, int from, int stride, int length)
    {
        state.ChargeText(text.HasSurrogates ? text.Text.Length : length);
        if (stride == 1)
        {
            int start = text.Offset(from);
            return text.Part(start, length == 0 ? 0 : text.Offset(from + length) - start);
        }
        state.Charge(length);
        var slice = new TextBuilder(state);
        List<Value>? characters = text.HasSurrogates ? state.ToList(text) : null;
        for (int i = 0; i < length; i++)
        {
            int at = from + (i * stride);
            slice.Append(characters is null ? text.Part(at, 1) : (TextValue)characters[at]);
        }
        return slice.ToText(text.IsMarkup);
    }

    private static int Clamp(Value? value, int missing, int count, int stride)
    {
        if (value is null or NoneValue)
            return missing;
        long index = Index(value);
        if (index < 0)
            index += count;
        return (int)(stride > 0 ? Math.Clamp(index, 0, count) : Math.Clamp(index, -1, (long)count - 1));
    }

    private static int Index(Value value) => Numbers.Index(value) ?? throw (Operators.Undefined(value, value)
        ?? new ChatTemplateException("slice indices must be integers or None or have an __index__ method"));
}
