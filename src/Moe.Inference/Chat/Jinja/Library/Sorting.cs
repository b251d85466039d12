using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Stable sorting by Python's order, which can fail between two values.</summary>
internal static class Sorting
{
    /// <summary>What to compare of an item: itself or an attribute, without regard to case unless asked.</summary>
    public static Func<Value, Value> Key(RenderState state, Value? attribute, bool caseSensitive) => item =>
    {
        Value key = attribute is null or NoneValue ? item : Lookup.Path(state, item, attribute);
        return !caseSensitive && key is TextValue text ? TextOperations.Map(state, text, CharacterRules.Lower) : key;
    };

    /// <summary>The same for attributes separated by commas.</summary>
    public static Func<Value, IReadOnlyList<Value>> Keys(RenderState state, Value? attributes, bool caseSensitive)
    {
        Func<Value, Value>[] keys = attributes is TextValue names
            ? [.. names.Text.Split(',').Select(name => Key(state, new TextValue(name, true), caseSensitive))]
            : [Key(state, attributes, caseSensitive)];
        return item => [.. keys.Select(key => key(item))];
    }

    public static List<Value> Sort(RenderState state, List<Value> items, Func<Value, IReadOnlyList<Value>> keys, bool reverse)
    {
        // Python's reversed sort keeps equal items in their order.
        List<(Value Key, Value Item)> sorted = [.. items.Select(item => ((Value)new TupleValue([.. keys(item)]), item))];
        for (int width = 1; width < sorted.Count; width *= 2)
        {
            var merged = new List<(Value, Value)>(sorted.Count);
            for (int start = 0; start < sorted.Count; start += 2 * width)
                Merge(state, sorted, start, Math.Min(start + width, sorted.Count), Math.Min(start + (2 * width), sorted.Count), merged, reverse);
            sorted = merged;
        }
        return [.. sorted.Select(pair => pair.Item)];
    }

    private static void Merge(
        RenderState state, List<(Value Key, Value Item)> from, int left, int middle, int end, List<(Value, Value)> into, bool reverse)
    {
        int right = middle;
        while (left < middle && right < end)
        {
            bool takeRight = reverse
                ? Comparison.Order(state, from[left].Key, from[right].Key, "<") < 0
                : Comparison.Order(state, from[right].Key, from[left].Key, "<") < 0;
            into.Add(takeRight ? from[right++] : from[left++]);
        }
        into.AddRange(from[left..middle]);
        into.AddRange(from[right..end]);
    }
}
