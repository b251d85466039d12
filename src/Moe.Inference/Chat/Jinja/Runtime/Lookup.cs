using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

/// <summary>Items and attributes as Jinja looks them up: what is missing is undefined, not an error.</summary>
internal static class Lookup
{
    /// <summary><c>value[key]</c>, or else the attribute of that name.</summary>
    public static Value Item(RenderState state, Value value, Value key)
    {
        if (value is UndefinedValue undefined)
            throw undefined.Error();
        state.ChargeSize(key);
        if (value is TextValue { HasSurrogates: true })
            state.ChargeSize(value);
        return value.Item(key) ?? (key is TextValue name ? value.Attribute(name.Text) : null) ?? Missing(state, value, key);
    }

    /// <summary>A path such as "function.name" or "0"; what is missing on the way is <paramref name="missing"/>, if given.</summary>
    public static Value Path(RenderState state, Value value, Value path, Value? missing = null)
    {
        if (path is not TextValue text)
            return Item(state, value, path);
        foreach (string part in text.Text.Split('.'))
        {
            Value key = part.Length > 0 && part.All(char.IsAsciiDigit)
                ? new IntValue(System.Numerics.BigInteger.Parse(part, System.Globalization.CultureInfo.InvariantCulture))
                : new TextValue(part, true);
            value = Item(state, value, key);
            if (missing is not null && value is UndefinedValue)
                value = missing;
        }
        return value;
    }

    /// <summary>What <c>value[key]</c> gives if there is no such thing.</summary>
    public static UndefinedValue Missing(RenderState state, Value value, Value key)
    {
        if (key is TextValue name)
            return new UndefinedValue($"'{value.Describe()}' has no attribute '{name.Text}'");
        var written = new TextBuilder(state);
        Printer.Write(state, written, key, quoted: true);
        return new UndefinedValue($"{value.Describe()} has no element {written.ToText().Text}");
    }
}
