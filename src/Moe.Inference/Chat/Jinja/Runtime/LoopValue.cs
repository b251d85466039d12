namespace Moe.Inference.Chat.Jinja;

/// <summary>The variable <c>loop</c>. Looks ahead only when asked to, as Jinja's does, because what it walks over may be lazy.</summary>
internal sealed class LoopValue(RenderState state, Value subject, IEnumerable<Value> items, int depth0, Func<Value, int, Value>? recurse)
    : CallableValue
{
    private static readonly RoutineTable Methods = new RoutineTable()
        .Add("cycle", "*", static (_, self, _, all) => ((LoopValue)self).Cycle(all.Positional))
        .Add("changed", "*", static (state, self, _, all) => BoolValue.Of(((LoopValue)self).Changed(state, all.Positional)));

    private readonly Queue<Value> _ahead = new();
    private readonly IEnumerator<Value> _items = items.GetEnumerator();
    private Value? _previous;
    private Value? _current;
    private IReadOnlyList<Value>? _lastChanged;
    private int? _length;
    private int _index0 = -1;

    public override string TypeName => "LoopContext";

    public override int? Count => Length();

    public Value? Next()
    {
        _previous = _current;
        _current = _ahead.Count > 0 ? _ahead.Dequeue() : _items.MoveNext() ? _items.Current : null;
        _index0++;
        return _current;
    }

    public override Value? Attribute(string name) => name switch
    {
        "index" => new IntValue(_index0 + 1),
        "index0" => new IntValue(_index0),
        "revindex" => new IntValue(Length() - _index0),
        "revindex0" => new IntValue(Length() - _index0 - 1),
        "first" => BoolValue.Of(_index0 == 0),
        "last" => BoolValue.Of(Peek() is null),
        "length" => new IntValue(Length()),
        "depth" => new IntValue(depth0 + 1),
        "depth0" => new IntValue(depth0),
        "previtem" => _previous ?? new UndefinedValue("there is no previous item"),
        "nextitem" => Peek() ?? new UndefinedValue("there is no next item"),
        _ => Methods.Bind(this, name),
    };

    public override Value Call(RenderState state, Arguments arguments)
    {
        if (recurse is null)
            throw new ChatTemplateException("The loop must have the 'recursive' marker to be called recursively.");
        if (arguments.Positional.Count != 1 || arguments.Named.Count != 0)
            throw new ChatTemplateException("a recursive loop is called with one iterable");
        return recurse(arguments.Positional[0], depth0 + 1);
    }

    public override string Describe() => "jinja2.runtime.LoopContext object";

    private Value? Peek()
    {
        if (_ahead.Count == 0 && _items.MoveNext())
            _ahead.Enqueue(_items.Current);
        return _ahead.TryPeek(out Value? next) ? next : null;
    }

    private int Length()
    {
        if (_length is { } known)
            return known;
        if (subject is not GeneratorValue && subject.Count is { } count)
            return (_length = count).Value;
        while (_items.MoveNext())
        {
            state.Charge(3);
            _ahead.Enqueue(_items.Current);
        }
        return (_length = _index0 + 1 + _ahead.Count).Value;
    }

    private Value Cycle(IReadOnlyList<Value> values) =>
        values.Count > 0 ? values[_index0 % values.Count] : throw new ChatTemplateException("no items for cycling given");

    private bool Changed(RenderState render, IReadOnlyList<Value> values)
    {
        bool same = _lastChanged is not null && Python.Comparison.SameItems(render, _lastChanged, values);
        _lastChanged = values;
        return !same;
    }
}
