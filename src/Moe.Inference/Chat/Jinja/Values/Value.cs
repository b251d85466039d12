namespace Moe.Inference.Chat.Jinja;

/// <summary>A value of the template language, with the behaviour of its Python counterpart.</summary>
internal abstract class Value
{
    /// <summary>Python's name of the type, as error messages show it.</summary>
    public abstract string TypeName { get; }

    /// <summary>Python's truth of the value.</summary>
    public virtual bool IsTrue => true;

    /// <summary>Python's <c>len</c>, or null where that is an error.</summary>
    public virtual int? Count => null;

    /// <summary>Python's <c>iter</c>, or null where that is an error.</summary>
    public virtual IEnumerable<Value>? Iterate() => null;

    /// <summary>Python's attribute (mostly a bound method), or null.</summary>
    public virtual Value? Attribute(string name) => null;

    /// <summary>Python's <c>value[key]</c>, or null where that is an error.</summary>
    public virtual Value? Item(Value key) => null;

    /// <summary>Python's class as an undefined value's message names it.</summary>
    public virtual string Describe() => $"{TypeName} object";
}

/// <summary>Python's None.</summary>
internal sealed class NoneValue : Value
{
    public static readonly NoneValue Instance = new();

    public override string TypeName => "NoneType";

    public override bool IsTrue => false;

    public override string Describe() => "None";
}

/// <summary>Python's True and False.</summary>
internal sealed class BoolValue : Value
{
    public static readonly BoolValue True = new(true);
    public static readonly BoolValue False = new(false);

    private readonly bool _value;

    private BoolValue(bool value) => _value = value;

    public override string TypeName => "bool";

    public override bool IsTrue => _value;

    public static BoolValue Of(bool value) => value ? True : False;
}

/// <summary>What a missing name, attribute or item gives: it prints as nothing, is false and empty, and fails where it is used.</summary>
internal sealed class UndefinedValue(string message) : Value
{
    /// <summary>What to say when it is used.</summary>
    public string Message { get; } = message;

    public override string TypeName => "Undefined";

    public override bool IsTrue => false;

    public override int? Count => 0;

    public override IEnumerable<Value> Iterate() => [];

    public ChatTemplateException Error() => new(Message);
}

/// <summary>The object of <c>namespace(…)</c>: the one thing a template can assign to from within a loop.</summary>
internal sealed class NamespaceValue : Value
{
    private readonly Dictionary<string, Value> _members = [];

    public override string TypeName => "Namespace";

    public override Value? Attribute(string name) => _members.GetValueOrDefault(name);

    public void Set(string name, Value value) => _members[name] = value;

    public override string Describe() => "jinja2.utils.Namespace object";
}
