using System.Collections;
using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Moe.Inference.Chat.Jinja;

/// <summary>Makes template values of JSON-like ones. Text in them is not the template's.</summary>
internal static class InputValues
{
    public static Value From(object? value, int depth = 0)
    {
        if (depth > Limits.InputDepth)
            throw new ChatTemplateException($"the input is nested more than {Limits.InputDepth} deep");
        return value switch
        {
            null => NoneValue.Instance,
            string text => new TextValue(text, trusted: false),
            bool flag => BoolValue.Of(flag),
            int or long or short or sbyte => new IntValue(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
            byte or ushort or uint or ulong => new IntValue(Convert.ToUInt64(value, CultureInfo.InvariantCulture)),
            double or float => new FloatValue(Convert.ToDouble(value, CultureInfo.InvariantCulture)),
            decimal number => Number(number.ToString(CultureInfo.InvariantCulture)),
            JsonElement element => FromElement(element, depth),
            JsonObject node => FromEntries(node.Select(entry => (entry.Key, (object?)entry.Value)), depth),
            JsonArray node => FromItems(node, depth),
            JsonValue node => FromLeaf(node, depth),
            IReadOnlyDictionary<string, object?> map => FromEntries(map.Select(entry => (entry.Key, entry.Value)), depth),
            IDictionary<string, object?> map => FromEntries(map.Select(entry => (entry.Key, entry.Value)), depth),
            IEnumerable items => FromItems(items.Cast<object?>(), depth),
            _ => throw new ChatTemplateException($"a value of type {value.GetType()} is not JSON-like: pass texts, numbers, JSON, lists or dictionaries"),
        };
    }

    private static Value FromElement(JsonElement element, int depth) => element.ValueKind switch
    {
        JsonValueKind.Object => FromEntries(element.EnumerateObject().Select(entry => (entry.Name, (object?)entry.Value)), depth),
        JsonValueKind.Array => FromItems(element.EnumerateArray().Cast<object?>(), depth),
        JsonValueKind.String => new TextValue(element.GetString()!, trusted: false),
        JsonValueKind.Number => Number(element.GetRawText()),
        JsonValueKind.True => BoolValue.True,
        JsonValueKind.False => BoolValue.False,
        _ => NoneValue.Instance,
    };

    // A leaf may hold a .NET value that was never JSON text.
    private static Value FromLeaf(JsonValue node, int depth)
    {
        if (node.TryGetValue(out JsonElement element))
            return FromElement(element, depth);
        if (node.TryGetValue(out string? text))
            return new TextValue(text, trusted: false);
        using JsonDocument written = JsonDocument.Parse(node.ToJsonString());
        return FromElement(written.RootElement, depth);
    }

    private static Value Number(string text)
    {
        if (text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
            return new FloatValue(double.Parse(text, CultureInfo.InvariantCulture));
        if (text.Length > 4300)
            throw new ChatTemplateException("a number of the input has more than 4300 digits");
        return new IntValue(BigInteger.Parse(text, CultureInfo.InvariantCulture));
    }

    private static ListValue FromItems(IEnumerable<object?> items, int depth) => new([.. items.Select(item => From(item, depth + 1))]);

    private static DictValue FromEntries(IEnumerable<(string Key, object? Value)> entries, int depth)
    {
        var dict = new DictValue();
        foreach ((string key, object? value) in entries)
            dict.Set(new TextValue(key, trusted: false), From(value, depth + 1));
        return dict;
    }
}
