using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

/// <summary>A sequence that knows its length: what list, tuple, range and dictionary views share.</summary>
internal abstract class SequenceValue : Value
{
    public abstract IReadOnlyList<Value> Items { get; }

    public override int? Count => Items.Count;

    public override bool IsTrue => Items.Count > 0;

    public override IEnumerable<Value> Iterate()
    {
        // By position: a template may append to the list it walks over.
        for (int i = 0; i < Items.Count; i++)
            yield return Items[i];
    }

    public override Value? Item(Value key)
    {
        if (Numbers.Index(key) is not { } index)
            return null;
        if (index < 0)
            index += Items.Count;
        return index >= 0 && index < Items.Count ? Items[index] : null;
    }
}

/// <summary>Python's list.</summary>
internal sealed class ListValue(List<Value> items) : SequenceValue
{
    public override string TypeName => "list";

    public override List<Value> Items { get; } = items;

    public override Value? Attribute(string name) => ListMethods.Table.Bind(this, name);
}

/// <summary>Python's tuple.</summary>
internal sealed class TupleValue(params Value[] items) : SequenceValue
{
    public override string TypeName => "tuple";

    public override IReadOnlyList<Value> Items { get; } = items;

    public override Value? Attribute(string name) => ListMethods.TupleTable.Bind(this, name);
}

/// <summary>Python's range; at most <see cref="Limits.Range"/> long.</summary>
internal sealed class RangeValue(int start, int step, int count) : SequenceValue, IReadOnlyList<Value>
{
    public override string TypeName => "range";

    public int Start => start;

    public int Step => step;

    public override IReadOnlyList<Value> Items => this;

    int IReadOnlyCollection<Value>.Count => count;

    public override int? Count => count;

    public override bool IsTrue => count > 0;

    public Value this[int index] => new IntValue(start + ((long)step * index));

    IEnumerator<Value> IEnumerable<Value>.GetEnumerator() => Iterate().GetEnumerator();

    System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => Iterate().GetEnumerator();

    public override IEnumerable<Value> Iterate()
    {
        for (int i = 0; i < count; i++)
            yield return this[i];
    }
}

/// <summary>A dictionary's keys, values or items.</summary>
internal sealed class ViewValue(string kind, IReadOnlyList<Value> items) : SequenceValue
{
    public override string TypeName => kind;

    public override IReadOnlyList<Value> Items { get; } = items;

    public override Value? Item(Value key) => null;
}

/// <summary>What a lazy filter gives: it can be walked once and has no length.</summary>
internal sealed class GeneratorValue(IEnumerable<Value> items) : Value
{
    private readonly IEnumerator<Value> _items = items.GetEnumerator();

    public override string TypeName => "generator";

    public override IEnumerable<Value> Iterate()
    {
        while (true)
        {
            // Lazy filters over lazy filters nest as deep as a template cares to build them.
            Limits.CheckStack();
            if (!_items.MoveNext())
                yield break;
            yield return _items.Current;
        }
    }
}
