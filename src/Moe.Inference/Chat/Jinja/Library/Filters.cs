using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Jinja's filters, by name. Those on texts and single values are here; see <see cref="SequenceFilters"/> for the rest.</summary>
internal static class Filters
{
    public static RoutineTable Table { get; } = SequenceFilters.AddTo(new RoutineTable())
        .Add("trim", "chars", (state, v, a, _) =>
            TextOperations.Strip(Text(state, v), a[0] is null or NoneValue ? null : TextMethods.Argument(a[0]).Text, true, true))
        .Add("upper", "", (state, v, _, _) => TextOperations.Map(state, Text(state, v), CharacterRules.Upper))
        .Add("lower", "", (state, v, _, _) => TextOperations.Map(state, Text(state, v), CharacterRules.Lower))
        .Add("capitalize", "", (state, v, _, _) => TextOperations.MapWhole(state, Text(state, v), CharacterRules.Capitalize))
        .Add("title", "", (state, v, _, _) => TextOperations.MapWhole(state, Text(state, v), TitleWords))
        .Add("string", "", (state, v, _, _) => Text(state, v))
        .Add("safe", "", (state, v, _, _) => Text(state, v).WithMarkup(true))
        .Add("escape", "", (state, v, _, _) => Markup.Escape(state, Text(state, v))).Alias("e", "escape")
        .Add("forceescape", "", (state, v, _, _) => Markup.Escape(state, Text(state, v).WithMarkup(false)))
        .Add("replace", "old new count", (state, v, a, _) => TextOperations.Replace(state, Text(state, v),
            Text(state, Given(a[0], "old")), Text(state, Given(a[1], "new")), a[2] is null or NoneValue ? -1 : Numbers.RequireIndex(a[2]!)))
        .Add("indent", "width first blank", (state, v, a, _) => TextOperations.Indent(state, Lines(v),
            Indentation(state, a[0]), a[1]?.IsTrue ?? false, a[2]?.IsTrue ?? false))
        .Add("center", "width", (state, v, a, _) => Center(state, Text(state, v), a[0] is null ? 80 : Numbers.RequireIndex(a[0]!)))
        .Add("wordcount", "", (state, v, _, _) => new IntValue(CountWords(Text(state, v).Text)))
        .Add("format", "*", (state, v, _, all) => PercentFormat.Apply(state, Text(state, v), all.Positional, Named(all)))
        .Add("default", "default_value boolean", (_, v, a, _) =>
            v is UndefinedValue || ((a[1]?.IsTrue ?? false) && !v.IsTrue) ? a[0] ?? TextValue.Empty : v).Alias("d", "default")
        .Add("tojson", "indent ensure_ascii separators sort_keys", (state, v, a, _) => JsonText.Write(state, v, JsonText.Options.From(state, a)))
        .Add("int", "default base", (_, v, a, _) => NumberFilters.ToInt(v, a[0] ?? new IntValue(0), a[1]))
        .Add("float", "default", (_, v, a, _) => NumberFilters.ToFloat(v, a[0] ?? new FloatValue(0)))
        .Add("abs", "", (_, v, _, _) => NumberFilters.Abs(v))
        .Add("round", "precision method", (_, v, a, _) => NumberFilters.Round(v, a[0], a[1]))
        .Add("attr", "name", (_, v, a, _) =>
            v.Attribute(TextMethods.Argument(a[0]).Text) ?? new UndefinedValue($"'{v.Describe()}' has no attribute"));

    public static TextValue Text(RenderState state, Value value) => Printer.Text(state, value);

    public static Value Given(Value? value, string name) =>
        value ?? throw new ChatTemplateException($"the filter lacks its argument '{name}'");

    // Jinja adds a line end before anything else, which only a text lets it do.
    private static TextValue Lines(Value value) => value as TextValue ?? throw (Operators.Undefined(value, value)
        ?? new ChatTemplateException($"unsupported operand type(s) for +=: '{value.TypeName}' and 'str'"));

    private static TextValue Indentation(RenderState state, Value? width)
    {
        if (width is TextValue text)
            return text;
        int blanks = width is null ? 4 : Math.Max(0, Numbers.RequireIndex(width));
        Limits.CheckLength(blanks);
        return new TextBuilder(state).Append(new string(' ', blanks), true).ToText();
    }

    private static TextValue Center(RenderState state, TextValue text, int width)
    {
        int missing = Math.Max(0, width - text.Count!.Value);
        Limits.CheckLength(missing);
        // Python puts the odd blank to the left only if the width is odd as well.
        int left = (missing / 2) + (missing & width & 1);
        return new TextBuilder(state).Append(new string(' ', left), true).Append(text)
            .Append(new string(' ', missing - left), true).ToText(text.IsMarkup);
    }

    // Jinja's idea of words differs from str.title: they begin after white space, a hyphen or an opening bracket.
    private static string TitleWords(string text)
    {
        char[] titled = CharacterRules.Lower(text).ToCharArray();
        bool start = true;
        for (int i = 0; i < titled.Length; i++)
        {
            if (start)
                titled[i] = char.ToUpperInvariant(titled[i]);
            start = CharacterRules.IsSpace(titled[i]) || titled[i] is '-' or '(' or '{' or '[' or '<';
        }
        return new string(titled);
    }

    // Words are runs of letters, digits and underscores.
    private static int CountWords(string text)
    {
        int words = 0;
        bool inside = false;
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            bool part = System.Text.Rune.IsLetter(rune) || System.Text.Rune.IsNumber(rune) || rune.Value == '_';
            words += part && !inside ? 1 : 0;
            inside = part;
        }
        return words;
    }

    private static DictValue? Named(Arguments arguments)
    {
        if (arguments.Named.Count == 0)
            return null;
        if (arguments.Positional.Count > 0)
            throw new ChatTemplateException("can't handle positional and keyword arguments at the same time");
        var named = new DictValue();
        foreach ((string key, Value value) in arguments.Named)
            named.Set(new TextValue(key, true), value);
        return named;
    }
}
