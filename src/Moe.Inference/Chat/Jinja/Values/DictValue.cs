using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

/// <summary>Python's dict: keeps the order of insertion, and a number equal to another is the same key.</summary>
internal sealed class DictValue : Value
{
    private readonly OrderedDictionary<Value, Value> _entries = new(KeyComparer.Instance);

    public override string TypeName => "dict";

    public override int? Count => _entries.Count;

    public override bool IsTrue => _entries.Count > 0;

    public IList<Value> Keys => _entries.Keys;

    public IList<Value> Values => _entries.Values;

    public IEnumerable<KeyValuePair<Value, Value>> Entries => _entries;

    public void Set(Value key, Value value)
    {
        if (!KeyComparer.IsHashable(key))
            throw new ChatTemplateException($"unhashable type: '{key.TypeName}'");
        _entries[key] = value;
    }

    public bool Contains(Value key) =>
        KeyComparer.IsHashable(key) ? _entries.ContainsKey(key) : throw new ChatTemplateException($"unhashable type: '{key.TypeName}'");

    public override IEnumerable<Value> Iterate() => _entries.Keys;

    public override Value? Attribute(string name) => DictMethods.Table.Bind(this, name);

    public override Value? Item(Value key) => KeyComparer.IsHashable(key) ? _entries.GetValueOrDefault(key) : null;

    private sealed class KeyComparer : IEqualityComparer<Value>
    {
        public static readonly KeyComparer Instance = new();

        // A tuple may not hold another: comparing keys must not recurse.
        public static bool IsHashable(Value key) =>
            key is not (ListValue or DictValue) && (key is not TupleValue t || t.Items.All(item => item is not TupleValue && IsHashable(item)));

        public bool Equals(Value? x, Value? y) => ReferenceEquals(x, y) || (x is not null && y is not null && Comparison.SameKey(x, y));

        public int GetHashCode(Value key) => key switch
        {
            TextValue text => text.Text.GetHashCode(StringComparison.Ordinal),
            IntValue or BoolValue => Numbers.Integer(key)!.Value.GetHashCode(),
            FloatValue f => Hash(f.Number),
            TupleValue tuple => tuple.Items.Aggregate(17, (sum, item) => HashCode.Combine(sum, GetHashCode(item))),
            UndefinedValue => 1,
            NoneValue => 0,
            _ => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(key),
        };

        private static int Hash(double number) =>
            double.IsInteger(number) ? new System.Numerics.BigInteger(number).GetHashCode() : number.GetHashCode();
    }
}
