using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Moe.Inference.Gguf;

/// <summary>
/// What a file says about being a part of a split one: the keys <c>split.no</c> (from 0), <c>split.count</c> and
/// <c>split.tensors.count</c> (of all parts together), as llama.cpp's gguf-split writes them.
/// </summary>
/// <param name="Part">The number of this part, from 0.</param>
/// <param name="Count">The number of parts; 1 if the file is not split.</param>
/// <param name="TensorCount">Tensors in all parts; -1 if not stated.</param>
internal readonly record struct GgufSplit(int Part, int Count, long TensorCount)
{
    public const string PartKey = "split.no";

    public const string CountKey = "split.count";

    public const string TensorCountKey = "split.tensors.count";

    /// <summary>The most parts that fit the five digits of a part's name.</summary>
    public const int MaxParts = 99999;

    private const string Extension = ".gguf";

    /// <summary>Whether a metadata key belongs to one part, not to the logical file.</summary>
    public static bool IsKey(string key) => key is PartKey or CountKey or TensorCountKey;

    /// <summary>Reads the keys and checks them against each other.</summary>
    public static GgufSplit Read(GgufMetadata metadata, string file)
    {
        if (!metadata.ContainsKey(CountKey))
            return new GgufSplit(0, 1, -1);
        int count = metadata.GetInt32(CountKey);
        // A file that was never split may say so with a count of 0.
        if (count == 0)
            return new GgufSplit(0, 1, -1);
        if (count is < 0 or > MaxParts)
            throw new GgufFormatException(file, metadata[CountKey].Offset, $"'{CountKey}' is {count}, not a number from 1 to {MaxParts}");
        int part = metadata.GetInt32(PartKey);
        if (part < 0 || part >= count)
            throw new GgufFormatException(file, metadata[PartKey].Offset, $"'{PartKey}' is {part}, not a number from 0 to {count - 1}");
        return new GgufSplit(part, count, metadata.GetInt64(TensorCountKey, -1));
    }

    /// <summary>The path of a part: <c>PREFIX-00001-of-00003.gguf</c>.</summary>
    /// <param name="prefix">What all parts' paths begin with.</param>
    /// <param name="part">From 0; names count from 1.</param>
    /// <param name="count">The number of parts.</param>
    public static string PathOf(string prefix, int part, int count) =>
        string.Create(CultureInfo.InvariantCulture, $"{prefix}-{part + 1:D5}-of-{count:D5}{Extension}");

    /// <summary>Takes a part's path apart, as <see cref="PathOf"/> puts it together.</summary>
    public static bool TryParsePath(string path, [NotNullWhen(true)] out string? prefix, out int part, out int count)
    {
        // -00001-of-00003.gguf
        const int SuffixLength = 1 + 5 + 4 + 5 + 5;
        prefix = null;
        part = count = 0;
        if (path.Length <= SuffixLength)
            return false;
        ReadOnlySpan<char> suffix = path.AsSpan(path.Length - SuffixLength);
        bool matches = suffix[0] == '-' && suffix[6..10] is "-of-" && suffix[15..] is Extension
            && int.TryParse(suffix[1..6], NumberStyles.None, CultureInfo.InvariantCulture, out part)
            && int.TryParse(suffix[10..15], NumberStyles.None, CultureInfo.InvariantCulture, out count);
        if (!matches)
            return false;
        part--;
        prefix = path[..^SuffixLength];
        return true;
    }
}
