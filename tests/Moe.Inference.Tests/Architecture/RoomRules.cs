using System.Text.RegularExpressions;

namespace Moe.Inference.Tests.Architecture;

/// <summary>One source file of src/Moe.Inference.</summary>
/// <param name="Path">Its path from there, with forward slashes.</param>
/// <param name="Text">What it says.</param>
internal sealed record SourceFile(string Path, string Text)
{
    /// <summary>The folder it lies in, directly or deeper; null for a file of the root.</summary>
    public string? Room => Path.Contains('/') ? Path[..Path.IndexOf('/')] : null;
}

/// <summary>
/// Which room of src/Moe.Inference may know which: a room is a folder and the namespace of the same name. Rooms known by a known room may
/// be used too. Files of the root are where it all meets and may use everything.
/// </summary>
internal sealed class RoomRules
{
    /// <summary>The folder whose types live in the namespace Moe.Inference itself and are visible everywhere.</summary>
    private const string Errors = "Errors";

    /// <summary>The only room that may name the nouns of the root.</summary>
    private const string KnowsNouns = "Chat";

    /// <summary>The arrows, as the design draws them.</summary>
    private static readonly Dictionary<string, string[]> Known = new()
    {
        [Errors] = ["Tensors"],
        ["Gguf"] = ["Tensors"],
        ["Tokenization"] = ["Gguf"],
        ["Chat"] = ["Tokenization"],
        ["Tensors"] = [],
        ["Quantization"] = ["Tensors"],
        ["Graph"] = ["Tensors"],
        ["Ops"] = ["Graph"],
        ["Architectures"] = ["Ops", "Graph", "Gguf"],
        ["Placement"] = ["Gguf", "Tensors"],
        ["Planning"] = ["Graph", "Ops", "Placement"],
        ["Execution"] = ["Planning", "Quantization"],
        ["Cpu"] = ["Execution", "Quantization"],
        ["Kv"] = ["Execution"],
        ["Sampling"] = ["Tensors"],
        ["Engine"] = ["Kv", "Sampling", "Tokenization"],
    };

    private static readonly string[] Nouns = ["Model", "Context", "Session"];

    private static readonly Regex NotCode = new(
        """"
        "{3}[\s\S]*?"{3} | [$]?@[$]?"(?:[^"]|"")*" | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+' | //[^\n]* | /\*[\s\S]*?\*/
        """",
        RegexOptions.IgnorePatternWhitespace);

    private static readonly Regex TypeDeclaration = new(
        @"\b(?:class|struct|interface|enum|record|delegate\s+[\w<>?\[\]]+)\s+(?<name>[A-Z]\w*)");

    private readonly IReadOnlyList<SourceFile> _files;
    private readonly ILookup<string, string> _typesOf;

    public RoomRules(IReadOnlyList<SourceFile> files)
    {
        _files = files.Select(file => file with { Text = Code(file.Text) }).ToList();
        _typesOf = _files.Where(file => file.Room is not null)
            .SelectMany(file => TypeDeclaration.Matches(file.Text).Select(match => (file.Room, Type: match.Groups["name"].Value)))
            .ToLookup(pair => pair.Room!, pair => pair.Type);
    }

    /// <summary>Every wrong arrow, as a message that names file and line.</summary>
    public IEnumerable<string> Violations() => _files.SelectMany(Violations);

    private IEnumerable<string> Violations(SourceFile file)
    {
        bool isRoom = file.Room is not null && Known.ContainsKey(file.Room);
        if (file.Room is not null && !isRoom)
            return [$"{file.Path}: '{file.Room}' is no room of the design"];
        HashSet<string> allowed = isRoom ? Reach(file.Room!) : [.. Known.Keys];
        return file.Text.Split('\n').SelectMany((line, index) =>
            WrongInLine(file, line, allowed).Select(wrong => $"{file.Path}({index + 1}): {wrong}: {line.Trim()}"));
    }

    private IEnumerable<string> WrongInLine(SourceFile file, string line, HashSet<string> allowed)
    {
        if (line.Contains("global", StringComparison.Ordinal) && Regex.IsMatch(line, @"^\s*global\s+using\b.*\bMoe\.Inference\b"))
            yield return "a global using hides who knows whom";
        if (file.Room is null)
            yield break;
        string home = file.Room == Errors ? "Moe.Inference" : $"Moe.Inference.{file.Room}";
        if (Regex.Match(line, @"^\s*namespace\s+(?<name>[\w.]+)") is { Success: true } declared)
        {
            string name = declared.Groups["name"].Value;
            if (name != home && (file.Room == Errors || !name.StartsWith(home + ".", StringComparison.Ordinal)))
                yield return $"the folder's namespace is {home}";
            yield break;
        }
        foreach (string room in Known.Keys.Where(room => !allowed.Contains(room) && Mentions(line, room)))
            yield return $"{file.Room} must not know {room}";
        if (file.Room == KnowsNouns)
            yield break;
        foreach (string noun in Nouns.Where(noun => !_typesOf[file.Room].Contains(noun) && NamesType(file, line, noun)))
            yield return $"{file.Room} must not know the root's {noun}";
    }

    /// <summary>By its full name, or, since Moe.Inference is around every room, from the room's name on: <c>Cpu.CpuBackend</c>.</summary>
    private bool Mentions(string line, string room) =>
        line.Contains(room, StringComparison.Ordinal)
        && (Regex.IsMatch(line, $@"\bMoe\.Inference\.{room}\b")
            || Regex.Matches(line, $@"(?<![\w.]){room}(?:\.(?<type>\w+))+")
                .SelectMany(match => match.Groups["type"].Captures).Any(name => _typesOf[room].Contains(name.Value)));

    /// <summary>Whether a noun stands where a type stands, and not as the name of a property or parameter.</summary>
    private static bool NamesType(SourceFile file, string line, string noun)
    {
        if (!line.Contains(noun, StringComparison.Ordinal))
            return false;
        string type = $@"\bMoe\.Inference\.{noun}\b | \bnew\s+{noun}\b | \btypeof\({noun}\) | [<,]\s*{noun}\??\s*[>,]"
            + $@" | (?<![\w.]){noun}(?:\?|\[\])?\s+(?!(?:is|as|and|or|when|switch|with|in)\b)[_a-z]\w* | :\s*{noun}\b\s*(?:$|[,{{])";
        bool hasMember = Regex.IsMatch(file.Text, $@"\w[>\])]?\??\s+{noun}\s*(?:\{{|=>|[;,)=])");
        return Regex.IsMatch(line, type, RegexOptions.IgnorePatternWhitespace)
            || (!hasMember && Regex.IsMatch(line, $@"(?<![\w.]){noun}\.[A-Z]"));
    }

    private static HashSet<string> Reach(string room)
    {
        HashSet<string> reached = [];
        Stack<string> open = new([room]);
        while (open.TryPop(out string? next))
        {
            if (reached.Add(next))
                Array.ForEach(Known[next], open.Push);
        }
        return reached;
    }

    /// <summary>The text without comments and literals, line breaks kept.</summary>
    private static string Code(string text) =>
        NotCode.Replace(text, match => new string('\n', match.Value.Count(c => c == '\n')));
}
