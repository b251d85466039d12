using System.Text;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>The methods of Python's str.</summary>
internal static class TextMethods
{
    public static RoutineTable Table { get; } = new RoutineTable()
        .Add("strip", "chars", (_, self, a, _) => TextOperations.Strip(Text(self), Characters(a[0]), true, true))
        .Add("lstrip", "chars", (_, self, a, _) => TextOperations.Strip(Text(self), Characters(a[0]), true, false))
        .Add("rstrip", "chars", (_, self, a, _) => TextOperations.Strip(Text(self), Characters(a[0]), false, true))
        .Add("split", "sep maxsplit", (state, self, a, _) => Split(state, self, a, false))
        .Add("rsplit", "sep maxsplit", (state, self, a, _) => Split(state, self, a, true))
        .Add("splitlines", "keepends", (state, self, a, _) =>
            new ListValue(TextOperations.SplitLines(state, Text(self), a[0]?.IsTrue ?? false)))
        .Add("partition", "sep", (_, self, a, _) => Partition(Text(self), Argument(a[0]), false))
        .Add("rpartition", "sep", (_, self, a, _) => Partition(Text(self), Argument(a[0]), true))
        .Add("startswith", "prefix start end", (_, self, a, _) =>
            BoolValue.Of(AnyOf(a[0], part => Section(self, a).StartsWith(part, StringComparison.Ordinal))))
        .Add("endswith", "suffix start end", (_, self, a, _) =>
            BoolValue.Of(AnyOf(a[0], part => Section(self, a).EndsWith(part, StringComparison.Ordinal))))
        .Add("removeprefix", "prefix", (_, self, a, _) => Text(self).Text.StartsWith(Argument(a[0]).Text, StringComparison.Ordinal)
            ? Text(self).Part(Argument(a[0]).Text.Length, Text(self).Text.Length - Argument(a[0]).Text.Length) : self)
        .Add("removesuffix", "suffix", (_, self, a, _) => Text(self).Text.EndsWith(Argument(a[0]).Text, StringComparison.Ordinal)
            ? Text(self).Part(0, Text(self).Text.Length - Argument(a[0]).Text.Length) : self)
        .Add("find", "sub start end", (_, self, a, _) => new IntValue(Find(self, a, false)))
        .Add("rfind", "sub start end", (_, self, a, _) => new IntValue(Find(self, a, true)))
        .Add("index", "sub start end", (_, self, a, _) =>
            Find(self, a, false) is var at and >= 0 ? new IntValue(at) : throw new ChatTemplateException("substring not found"))
        .Add("count", "sub start end", (_, self, a, _) => new IntValue(CountOf(Section(self, a).ToString(), Argument(a[0]).Text)))
        .Add("replace", "old new count", (state, self, a, _) =>
            TextOperations.Replace(state, Text(self), Argument(a[0]), Argument(a[1]), Limit(a[2])))
        .Add("join", "iterable", (state, self, a, _) =>
            TextOperations.Join(state, Text(self), state.Walk(a[0] ?? NoneValue.Instance), convert: false))
        .Add("upper", "", (state, self, _, _) => TextOperations.Map(state, Text(self), CharacterRules.Upper))
        .Add("lower", "", (state, self, _, _) => TextOperations.Map(state, Text(self), CharacterRules.Lower))
        .Add("title", "", (state, self, _, _) => TextOperations.MapWhole(state, Text(self), CharacterRules.Title))
        .Add("capitalize", "", (state, self, _, _) => TextOperations.MapWhole(state, Text(self), CharacterRules.Capitalize))
        .Add("ljust", "width fillchar", (state, self, a, _) => Pad(state, self, a, 0, 1))
        .Add("rjust", "width fillchar", (state, self, a, _) => Pad(state, self, a, 1, 0))
        .Add("zfill", "width", (state, self, a, _) => ZeroFill(state, Text(self), Numbers.RequireIndex(a[0] ?? NoneValue.Instance)))
        .Add("format", "*", (state, self, _, all) => BraceFormat.Apply(state, Text(self), all))
        .Add("isdigit", "", (_, self, _, _) => BoolValue.Of(All(self, Rune.IsDigit)))
        .Add("isdecimal", "", (_, self, _, _) => BoolValue.Of(All(self, Rune.IsDigit)))
        .Add("isnumeric", "", (_, self, _, _) => BoolValue.Of(All(self, Rune.IsNumber)))
        .Add("isalpha", "", (_, self, _, _) => BoolValue.Of(All(self, Rune.IsLetter)))
        .Add("isalnum", "", (_, self, _, _) => BoolValue.Of(All(self, rune => Rune.IsLetter(rune) || Rune.IsNumber(rune))))
        .Add("isspace", "", (_, self, _, _) => BoolValue.Of(self.IsTrue && Text(self).Text.All(CharacterRules.IsSpace)))
        .Add("isupper", "", (_, self, _, _) => BoolValue.Of(CharacterRules.IsAll(Text(self).Text, upper: true)))
        .Add("islower", "", (_, self, _, _) => BoolValue.Of(CharacterRules.IsAll(Text(self).Text, upper: false)));

    /// <summary>A text argument.</summary>
    public static TextValue Argument(Value? value) =>
        value as TextValue ?? throw new ChatTemplateException($"a str is required, not '{(value ?? NoneValue.Instance).TypeName}'");

    private static TextValue Text(Value self) => (TextValue)self;

    private static string? Characters(Value? value) => value is null or NoneValue ? null : Argument(value).Text;

    private static int Limit(Value? value) => value is null ? -1 : Numbers.RequireIndex(value);

    private static ListValue Split(RenderState state, Value self, Value?[] a, bool fromEnd) =>
        new(TextOperations.Split(state, Text(self), Characters(a[0]), Limit(a[1]), fromEnd));

    private static TupleValue Partition(TextValue text, TextValue separator, bool fromEnd)
    {
        if (!separator.IsTrue)
            throw new ChatTemplateException("empty separator");
        int at = fromEnd ? text.Text.LastIndexOf(separator.Text, StringComparison.Ordinal)
            : text.Text.IndexOf(separator.Text, StringComparison.Ordinal);
        if (at < 0)
            return fromEnd ? new TupleValue(TextValue.Empty, TextValue.Empty, text) : new TupleValue(text, TextValue.Empty, TextValue.Empty);
        int end = at + separator.Text.Length;
        return new TupleValue(text.Part(0, at), text.Part(at, end - at), text.Part(end, text.Text.Length - end));
    }

    private static bool AnyOf(Value? choices, Func<string, bool> test) =>
        choices is TupleValue tuple ? tuple.Items.Any(choice => test(Argument(choice).Text)) : test(Argument(choices).Text);

    // The part of the text between the second and third argument.
    private static string Section(Value self, Value?[] a)
    {
        (int from, int to) = Slicing.Bounds(a[1], a[2], Text(self).Count!.Value);
        int start = Text(self).Offset(from);
        return Text(self).Text[start..Math.Max(start, Text(self).Offset(Math.Max(to, 0)))];
    }

    private static int Find(Value self, Value?[] a, bool last)
    {
        TextValue text = Text(self);
        (int from, int to) = Slicing.Bounds(a[1], a[2], text.Count!.Value);
        string part = Argument(a[0]).Text;
        if (from > to)
            return -1;
        int start = text.Offset(from);
        ReadOnlySpan<char> section = text.Text.AsSpan(start, text.Offset(to) - start);
        int at = last ? section.LastIndexOf(part) : section.IndexOf(part);
        return at < 0 ? -1 : text.CodePointsBefore(start + at);
    }

    private static int CountOf(string text, string part)
    {
        if (part.Length == 0)
            return new TextValue(text, true).Count!.Value + 1;
        int count = 0;
        for (int at = 0; (at = text.IndexOf(part, at, StringComparison.Ordinal)) >= 0; at += part.Length)
            count++;
        return count;
    }

    private static TextValue Pad(RenderState state, Value self, Value?[] a, int before, int after)
    {
        int missing = Math.Max(0, Numbers.RequireIndex(a[0] ?? NoneValue.Instance) - Text(self).Count!.Value);
        Limits.CheckLength(missing);
        TextValue fill = a[1] is null ? new TextValue(" ", true) : Argument(a[1]);
        if (fill.Text.Length != 1)
            throw new ChatTemplateException("The fill character must be exactly one character long");
        string padding = new(fill.Text[0], missing);
        return new TextBuilder(state).Append(before > 0 ? padding : "", fill.IsTrusted).Append(Text(self))
            .Append(after > 0 ? padding : "", fill.IsTrusted).ToText(Text(self).IsMarkup);
    }

    private static TextValue ZeroFill(RenderState state, TextValue text, int width)
    {
        int missing = Math.Max(0, width - text.Count!.Value);
        Limits.CheckLength(missing);
        int sign = text.Text.StartsWith('-') || text.Text.StartsWith('+') ? 1 : 0;
        return new TextBuilder(state).Append(text, 0, sign).Append(new string('0', missing), true)
            .Append(text, sign, text.Text.Length - sign).ToText();
    }

    private static bool All(Value self, Func<Rune, bool> test) => self.IsTrue && Text(self).Text.EnumerateRunes().All(test);

    private static bool All(this StringRuneEnumerator runes, Func<Rune, bool> test)
    {
        foreach (Rune rune in runes)
        {
            if (!test(rune))
                return false;
        }
        return true;
    }
}
