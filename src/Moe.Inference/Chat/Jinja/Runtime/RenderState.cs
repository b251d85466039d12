namespace Moe.Inference.Chat.Jinja;

/// <summary>All that changes while a template is rendered: variables, output, position, and how much of the limits is used.</summary>
internal sealed class RenderState
{
    private long _steps;
    private int _depth;

    public RenderState(Scope globals, TimeProvider clock)
    {
        Scope = globals;
        Clock = clock;
        Output = new TextBuilder(this);
    }

    public Scope Scope { get; set; }

    public TextBuilder Output { get; private set; }

    public TimeProvider Clock { get; }

    /// <summary>Line of the innermost node being evaluated; stays at the culprit when an exception passes.</summary>
    public int Line { get; private set; }

    /// <summary>Begins a node; gives the line to return to with <see cref="Leave"/>.</summary>
    public int Enter(int line)
    {
        int outer = Line;
        Line = line;
        Charge(1);
        if (++_depth > Limits.EvaluationDepth)
            throw Limits.TooDeep();
        Limits.CheckStack();
        return outer;
    }

    /// <summary>Ends a node. Not called when an exception passes: nothing goes on after one.</summary>
    public void Leave(int outerLine)
    {
        _depth--;
        Line = outerLine;
    }

    /// <summary>Counts steps against the limit.</summary>
    public void Charge(long steps)
    {
        _steps += steps;
        if (_steps > Limits.Steps)
            throw new ChatTemplateException($"the template takes more than {Limits.Steps} steps");
    }

    /// <summary>Counts characters that are copied or looked at.</summary>
    public void ChargeText(int length) => Charge(length / Limits.CharactersPerStep);

    /// <summary>Counts a look at the whole of a value.</summary>
    public void ChargeSize(Value value)
    {
        if (value is TextValue text)
            ChargeText(text.Text.Length);
        else
            Charge(value.Count ?? 0);
    }

    /// <summary>Runs statements with their output going to a text of its own.</summary>
    public TextValue Capture(Scope scope, Block body)
    {
        (TextBuilder output, Scope outer) = (Output, Scope);
        Output = new TextBuilder(this);
        Scope = scope;
        body.Execute(this);
        TextValue text = Output.ToText();
        Output = output;
        Scope = outer;
        return text;
    }

    /// <summary>Walks over a value, charging every item.</summary>
    public IEnumerable<Value> Walk(Value value)
    {
        IEnumerable<Value> items = value.Iterate() ?? throw new ChatTemplateException($"'{value.TypeName}' object is not iterable");
        return Charged(items);
    }

    private IEnumerable<Value> Charged(IEnumerable<Value> items)
    {
        foreach (Value item in items)
        {
            Charge(1);
            yield return item;
        }
    }

    /// <summary>The items of a value as a list of their own; each counts more, as it takes memory.</summary>
    public List<Value> ToList(Value value)
    {
        var items = new List<Value>();
        foreach (Value item in Walk(value))
        {
            Charge(3);
            items.Add(item);
        }
        return items;
    }
}
