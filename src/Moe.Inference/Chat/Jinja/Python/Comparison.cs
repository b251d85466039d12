using System.Numerics;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>==</c>, <c>&lt;</c> and <c>in</c>.</summary>
internal static class Comparison
{
    public static bool Same(RenderState state, Value left, Value right)
    {
        state.Charge(1);
        switch (left, right)
        {
            case (TextValue a, TextValue b):
                return SameText(state, a, b);
            case (ListValue a, ListValue b):
                return SameItems(state, a.Items, b.Items);
            case (TupleValue a, TupleValue b):
                return SameItems(state, a.Items, b.Items);
            case (RangeValue a, RangeValue b):
                return SameItems(state, a, b);
            case (DictValue a, DictValue b):
                return a.Count == b.Count && a.Entries.All(e => b.Item(e.Key) is { } other && SameNested(state, e.Value, other));
            case (UndefinedValue, UndefinedValue):
                return true;
            default:
                return ReferenceEquals(left, right) || CompareNumbers(left, right) == 0;
        }
    }

    public static bool SameItems(RenderState state, IReadOnlyList<Value> left, IReadOnlyList<Value> right)
    {
        if (left.Count != right.Count)
            return false;
        for (int i = 0; i < left.Count; i++)
        {
            if (!SameNested(state, left[i], right[i]))
                return false;
        }
        return true;
    }

    /// <summary>Whether two values are the same key of a dictionary.</summary>
    public static bool SameKey(Value left, Value right) => (left, right) switch
    {
        (TextValue a, TextValue b) => a.Text == b.Text,
        (TupleValue a, TupleValue b) => a.Count == b.Count && a.Items.Zip(b.Items).All(pair => SameKey(pair.First, pair.Second)),
        _ => ReferenceEquals(left, right) || CompareNumbers(left, right) == 0,
    };

    /// <summary>The order of two values: negative, zero or positive; null for numbers without an order (NaN).</summary>
    public static int? Order(RenderState state, Value left, Value right, string sign)
    {
        state.Charge(1);
        if (left is TextValue a && right is TextValue b)
        {
            state.ChargeText(Math.Min(a.Text.Length, b.Text.Length));
            return CompareCodePoints(a.Text, b.Text);
        }
        if ((left, right) is (ListValue, ListValue) or (TupleValue, TupleValue))
            return OrderItems(state, ((SequenceValue)left).Items, ((SequenceValue)right).Items, sign);
        if (Numbers.Real(left) is not null && Numbers.Real(right) is not null)
            return CompareNumbers(left, right);
        throw Operators.Undefined(left, right)
            ?? new ChatTemplateException($"'{sign}' not supported between instances of '{left.TypeName}' and '{right.TypeName}'");
    }

    public static bool Contains(RenderState state, Value container, Value item)
    {
        switch (container)
        {
            case TextValue text:
                state.ChargeText(text.Text.Length);
                return item is TextValue part
                    ? text.Text.Contains(part.Text, StringComparison.Ordinal)
                    : throw new ChatTemplateException($"'in <string>' requires string as left operand, not {item.TypeName}");
            case DictValue dict:
                state.ChargeSize(item);
                return dict.Contains(item);
            default:
                if (container.Iterate() is null)
                    throw new ChatTemplateException($"argument of type '{container.TypeName}' is not iterable");
                return state.Walk(container).Any(candidate => Same(state, candidate, item));
        }
    }

    private static bool SameNested(RenderState state, Value left, Value right)
    {
        int outer = state.Enter(state.Line);
        bool same = ReferenceEquals(left, right) || Same(state, left, right);
        state.Leave(outer);
        return same;
    }

    private static bool SameText(RenderState state, TextValue left, TextValue right)
    {
        if (left.Text.Length != right.Text.Length)
            return false;
        state.ChargeText(left.Text.Length);
        return left.Text == right.Text;
    }

    private static int? OrderItems(RenderState state, IReadOnlyList<Value> left, IReadOnlyList<Value> right, string sign)
    {
        for (int i = 0; i < Math.Min(left.Count, right.Count); i++)
        {
            if (SameNested(state, left[i], right[i]))
                continue;
            int outer = state.Enter(state.Line);
            int? order = Order(state, left[i], right[i], sign);
            state.Leave(outer);
            return order;
        }
        return left.Count.CompareTo(right.Count);
    }

    // Null if either is no number, or NaN.
    private static int? CompareNumbers(Value left, Value right)
    {
        if (Numbers.Integer(left) is { } a && Numbers.Integer(right) is { } b)
            return a.CompareTo(b);
        if (Numbers.Real(left) is not { } x || Numbers.Real(right) is not { } y || double.IsNaN(x) || double.IsNaN(y))
            return null;
        // Python compares an int with a float exactly.
        if (double.IsFinite(x) && double.IsFinite(y) && Numbers.Integer(left) is { } i)
            return -CompareExactly(y, i);
        if (double.IsFinite(x) && double.IsFinite(y) && Numbers.Integer(right) is { } j)
            return CompareExactly(x, j);
        return x.CompareTo(y);
    }

    private static int CompareExactly(double real, BigInteger integer)
    {
        double floor = Math.Floor(real);
        int order = new BigInteger(floor).CompareTo(integer);
        return order == 0 && real > floor ? 1 : order;
    }

    // Like Python by code point: UTF-16 order puts the astral planes before U+E000.
    private static int CompareCodePoints(string left, string right)
    {
        int at = left.AsSpan().CommonPrefixLength(right);
        if (at == left.Length || at == right.Length)
            return left.Length.CompareTo(right.Length);
        (char a, char b) = (left[at], right[at]);
        return char.IsSurrogate(a) == char.IsSurrogate(b) ? a.CompareTo(b) : char.IsSurrogate(a) ? 1 : -1;
    }
}
