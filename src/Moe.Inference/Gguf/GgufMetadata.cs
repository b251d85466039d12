using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Moe.Inference.Gguf;

/// <summary>
/// The keys and values of a GGUF file, in the file's order. A typed getter throws <see cref="GgufFormatException"/> for a key that is
/// missing or of another type; one with a default throws only for another type; a <c>TryGet…</c> returns false for both. Integers of
/// any width are accepted where their value fits. Arrays are returned as copies.
/// </summary>
[SuppressMessage("Naming", "CA1710", Justification = "'Metadata' is the format's own word for this dictionary.")]
public sealed class GgufMetadata : IReadOnlyDictionary<string, GgufValue>
{
    private readonly string _file;
    private readonly OrderedDictionary<string, GgufValue> _values;

    internal GgufMetadata(string file, OrderedDictionary<string, GgufValue> values)
    {
        _file = file;
        _values = values;
    }

    private delegate bool TryConvert<T>(GgufValue value, [NotNullWhen(true)] out T? converted);

    /// <summary>The number of keys.</summary>
    public int Count => _values.Count;

    /// <summary>The keys, in the file's order.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>The values, in the file's order.</summary>
    public IEnumerable<GgufValue> Values => _values.Values;

    /// <summary>The value of a key.</summary>
    /// <exception cref="GgufFormatException">The file has no such key.</exception>
    public GgufValue this[string key] => _values.TryGetValue(key, out GgufValue? value) ? value : throw Missing(key, "a value");

    /// <summary>Whether the file has a key.</summary>
    public bool ContainsKey(string key) => _values.ContainsKey(key);

    /// <summary>Looks up a key.</summary>
    public bool TryGetValue(string key, [MaybeNullWhen(false)] out GgufValue value) => _values.TryGetValue(key, out value);

    /// <summary>A text.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no string.</exception>
    public string GetString(string key) => Get<string>(key, "a string", AsString);

    /// <summary>A text, or the default if the key is missing.</summary>
    /// <exception cref="GgufFormatException">The key is no string.</exception>
    [return: NotNullIfNotNull(nameof(defaultValue))]
    public string? GetString(string key, string? defaultValue) => ContainsKey(key) ? GetString(key) : defaultValue;

    /// <summary>A text, if the key is there and a string.</summary>
    public bool TryGetString(string key, [NotNullWhen(true)] out string? value) => TryGet(key, AsString, out value);

    /// <summary>An integer of 32 bits.</summary>
    /// <exception cref="GgufFormatException">The key is missing, no integer, or out of range.</exception>
    public int GetInt32(string key) => Get<int>(key, "an integer of 32 signed bits", AsInt32);

    /// <summary>An integer of 32 bits, or the default if the key is missing.</summary>
    /// <exception cref="GgufFormatException">The key is no integer, or out of range.</exception>
    public int GetInt32(string key, int defaultValue) => ContainsKey(key) ? GetInt32(key) : defaultValue;

    /// <summary>An integer of 32 bits, if the key is there, an integer and in range.</summary>
    public bool TryGetInt32(string key, out int value) => TryGet(key, AsInt32, out value);

    /// <summary>An integer of 64 bits.</summary>
    /// <exception cref="GgufFormatException">The key is missing, no integer, or out of range.</exception>
    public long GetInt64(string key) => Get<long>(key, "an integer of 64 signed bits", AsInt64);

    /// <summary>An integer of 64 bits, or the default if the key is missing.</summary>
    /// <exception cref="GgufFormatException">The key is no integer, or out of range.</exception>
    public long GetInt64(string key, long defaultValue) => ContainsKey(key) ? GetInt64(key) : defaultValue;

    /// <summary>An integer of 64 bits, if the key is there, an integer and in range.</summary>
    public bool TryGetInt64(string key, out long value) => TryGet(key, AsInt64, out value);

    /// <summary>A floating-point number; a binary64 is rounded.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no floating-point number.</exception>
    public float GetSingle(string key) => Get<float>(key, "a floating-point number", AsSingle);

    /// <summary>A floating-point number, or the default if the key is missing; a binary64 is rounded.</summary>
    /// <exception cref="GgufFormatException">The key is no floating-point number.</exception>
    public float GetSingle(string key, float defaultValue) => ContainsKey(key) ? GetSingle(key) : defaultValue;

    /// <summary>A floating-point number, if the key is there and one.</summary>
    public bool TryGetSingle(string key, out float value) => TryGet(key, AsSingle, out value);

    /// <summary>A truth value.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no boolean.</exception>
    public bool GetBoolean(string key) => Get<bool>(key, "a boolean", AsBoolean);

    /// <summary>A truth value, or the default if the key is missing.</summary>
    /// <exception cref="GgufFormatException">The key is no boolean.</exception>
    public bool GetBoolean(string key, bool defaultValue) => ContainsKey(key) ? GetBoolean(key) : defaultValue;

    /// <summary>A truth value, if the key is there and a boolean.</summary>
    public bool TryGetBoolean(string key, out bool value) => TryGet(key, AsBoolean, out value);

    /// <summary>An array of texts.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no array of strings.</exception>
    public string[] GetStrings(string key) => Get<string[]>(key, "an array of strings", AsStrings);

    /// <summary>An array of texts, if the key is there and one.</summary>
    public bool TryGetStrings(string key, [NotNullWhen(true)] out string[]? values) => TryGet(key, AsStrings, out values);

    /// <summary>An array of integers.</summary>
    /// <exception cref="GgufFormatException">The key is missing, no array of integers, or one of them is out of range.</exception>
    public int[] GetInt32s(string key) => Get<int[]>(key, "an array of integers of 32 signed bits", AsInt32s);

    /// <summary>An array of integers, if the key is there and one with all values in range.</summary>
    public bool TryGetInt32s(string key, [NotNullWhen(true)] out int[]? values) => TryGet(key, AsInt32s, out values);

    /// <summary>An array of floating-point numbers; binary64 are rounded.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no array of floating-point numbers.</exception>
    public float[] GetSingles(string key) => Get<float[]>(key, "an array of floating-point numbers", AsSingles);

    /// <summary>An array of floating-point numbers, if the key is there and one.</summary>
    public bool TryGetSingles(string key, [NotNullWhen(true)] out float[]? values) => TryGet(key, AsSingles, out values);

    /// <summary>An array of truth values.</summary>
    /// <exception cref="GgufFormatException">The key is missing or no array of booleans.</exception>
    public bool[] GetBooleans(string key) => Get<bool[]>(key, "an array of booleans", AsBooleans);

    /// <summary>An array of truth values, if the key is there and one.</summary>
    public bool TryGetBooleans(string key, [NotNullWhen(true)] out bool[]? values) => TryGet(key, AsBooleans, out values);

    /// <summary>The keys and values, in the file's order.</summary>
    public IEnumerator<KeyValuePair<string, GgufValue>> GetEnumerator() => _values.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The exception for a key whose value does not make sense; the reason follows the key in the message.</summary>
    internal GgufFormatException Invalid(string key, string reason) => new(
        _file,
        _values.TryGetValue(key, out GgufValue? value) ? value.Offset : GgufLimits.FixedHeaderBytes,
        $"metadata key '{key}' {reason}");

    private static bool AsString(GgufValue value, [NotNullWhen(true)] out string? converted) => value.TryGetString(out converted);

    private static bool AsInt32(GgufValue value, out int converted) => value.TryGetInt32(out converted);

    private static bool AsInt64(GgufValue value, out long converted) => value.TryGetInt64(out converted);

    private static bool AsSingle(GgufValue value, out float converted) => value.TryGetSingle(out converted);

    private static bool AsBoolean(GgufValue value, out bool converted) => value.TryGetBoolean(out converted);

    private static bool AsStrings(GgufValue value, [NotNullWhen(true)] out string[]? converted) => value.TryGetStrings(out converted);

    private static bool AsInt32s(GgufValue value, [NotNullWhen(true)] out int[]? converted) => value.TryGetInt32s(out converted);

    private static bool AsSingles(GgufValue value, [NotNullWhen(true)] out float[]? converted) => value.TryGetSingles(out converted);

    private static bool AsBooleans(GgufValue value, [NotNullWhen(true)] out bool[]? converted) => value.TryGetBooleans(out converted);

    private bool TryGet<T>(string key, TryConvert<T> convert, [NotNullWhen(true)] out T? converted)
    {
        converted = default;
        return _values.TryGetValue(key, out GgufValue? value) && convert(value, out converted);
    }

    private T Get<T>(string key, string wanted, TryConvert<T> convert)
    {
        if (!_values.TryGetValue(key, out GgufValue? value))
            throw Missing(key, wanted);
        if (convert(value, out T? converted))
            return converted;
        string found = value.ElementType is null && value.Type != GgufValueType.String ? $"{value.Describe()} {value}" : value.Describe();
        throw new GgufFormatException(_file, value.Offset, $"metadata key '{key}' should be {wanted} but is of type {found}");
    }

    private GgufFormatException Missing(string key, string wanted) =>
        new(_file, GgufLimits.FixedHeaderBytes, $"metadata key '{key}' is missing; {wanted} was wanted");
}
