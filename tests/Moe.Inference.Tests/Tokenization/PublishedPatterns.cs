using System.Text.RegularExpressions;

namespace Moe.Inference.Tests.Tokenization;

/// <summary>The expressions of the published tokenizers, run by .NET's own engine, which is right on the Basic Multilingual Plane.</summary>
internal static class PublishedPatterns
{
    // The engine does not count U+017F as a case of s, as Unicode does.
    private const string AnyCaseContraction = @"(?:'[sS\u017F]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
    private const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    private const string Tail = @"|\s*[\r\n]+|\s+(?!\S)|\s+";
    private const string Upper = @"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]";
    private const string Lower = @"[\p{Ll}\p{Lm}\p{Lo}\p{M}]";
    private const string Han = @"\u2E80-\u2E99\u2E9B-\u2EF3\u2F00-\u2FD5\u3005\u3007\u3021-\u3029\u3038-\u303B\u3400-\u4DBF\u4E00-\u9FFF\uF900-\uFA6D\uFA70-\uFAD9";
    private const string EastAsian = @"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+";

    private const string DeepSeekLetters =
        @"A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386"
        + @"\u0388-\u038A\u038C\u038E-\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5\u13F8-\u13FD\u1C90-\u1CBA"
        + @"\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D"
        + @"\u1F5F-\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC"
        + @"\u2102\u2107\u210A-\u2113\u2115\u2119-\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E\u2183\u2184"
        + @"\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF"
        + @"\uFB00-\uFB06\uFB13-\uFB17\uFF21-\uFF3A\uFF41-\uFF5A";

    private static readonly string O200k =
        $@"[^\r\n\p{{L}}\p{{N}}]?{Upper}*{Lower}+{AnyCaseContraction}?|[^\r\n\p{{L}}\p{{N}}]?{Upper}+{Lower}*{AnyCaseContraction}?"
        + @"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + Tail;

    /// <summary>The stages of each pre-tokenizer, by one of its names.</summary>
    public static Dictionary<string, Regex[]> ByName { get; } = new()
    {
        ["gpt-2"] = Stages(Gpt2),
        ["starcoder"] = Stages(@"\p{N}", Gpt2),
        ["falcon"] = Stages(@"[\p{P}\$\+<=>\^~\|`]+", Gpt2, "[0-9][0-9][0-9]"),
        ["default"] = Stages(@"[\p{P}\$\+<=>\^~\|]+", Gpt2, @"\p{N}+", "[0-9][0-9][0-9]"),
        ["qwen2"] = Stages(AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Tail),
        ["bailingmoe"] = Stages(
            @"'(?:[sS\u017FdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|(?>[^\r\n\p{L}\p{N}]?)\p{L}+|\p{N}| ?(?>[^\s\p{L}\p{N}]+)[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"),
        ["qwen35"] = Stages(AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + Tail),
        ["seed-coder"] = Stages(AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+" + Tail),
        ["llama-bpe"] = Stages(AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Tail),
        ["glm4"] = Stages(AnyCaseContraction + @"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Tail),
        ["gpt-4o"] = Stages(O200k),
        ["tekken"] = Stages(O200k.Replace(AnyCaseContraction + "?", "", StringComparison.Ordinal).Replace("{1,3}", "", StringComparison.Ordinal)),
        ["kimi-k2"] = Stages($"[{Han}]+|" + O200k
            .Replace(Upper, $@"[\p{{Lu}}\p{{Lt}}\p{{Lm}}\p{{Lo}}\p{{M}}-[{Han}]]", StringComparison.Ordinal)
            .Replace(Lower, $@"[\p{{Ll}}\p{{Lm}}\p{{Lo}}\p{{M}}-[{Han}]]", StringComparison.Ordinal)
            .Replace("[\\r\\n/]", "[\\r\\n]", StringComparison.Ordinal)),
        ["deepseek-llm"] = Stages(
            "[\r\n]", $@"\s?[{DeepSeekLetters}]+", @"\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+", @"\s+\z", EastAsian, @"\p{N}"),
        ["deepseek-coder"] = Stages("[\r\n]", @"\s?\p{L}+", @"\s?\p{P}+", EastAsian, @"\p{N}"),
        ["deepseek-v3"] = Stages(
            @"\p{N}{1,3}",
            @"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
            @"[!""#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*" + Tail),
    };

    /// <summary>Cuts a text as the published tokenizer does: every stage cuts the words of the stage before, at its matches.</summary>
    public static List<string> Split(Regex[] stages, string text)
    {
        List<string> words = text.Length == 0 ? [] : [text];
        foreach (Regex stage in stages)
            words = [.. words.SelectMany(word => Cut(stage, word))];
        return words;
    }

    private static IEnumerable<string> Cut(Regex stage, string word)
    {
        int done = 0;
        foreach (Match match in stage.Matches(word))
        {
            if (match.Index > done)
                yield return word[done..match.Index];
            if (match.Length > 0)
                yield return match.Value;
            done = match.Index + match.Length;
        }
        if (done < word.Length)
            yield return word[done..];
    }

    private static Regex[] Stages(params string[] patterns) => Array.ConvertAll(patterns, pattern => new Regex(pattern, RegexOptions.CultureInvariant));
}
