namespace Moe.Inference.Chat.Jinja;

/// <summary>Something that can be called: a function, a method, a macro.</summary>
internal abstract class CallableValue : Value
{
    public override string TypeName => "function";

    public abstract Value Call(RenderState state, Arguments arguments);
}

/// <summary>The arguments of a call, by position and by name.</summary>
internal sealed record Arguments(IReadOnlyList<Value> Positional, IReadOnlyList<KeyValuePair<string, Value>> Named)
{
    public static Arguments None { get; } = new([], []);

    public Value? Find(string name)
    {
        foreach ((string key, Value value) in Named)
        {
            if (key == name)
                return value;
        }
        return null;
    }

    /// <summary>The same without the first few by position.</summary>
    public Arguments Skip(int count) => this with { Positional = [.. Positional.Skip(count)] };
}

/// <summary>A function that is part of the language: a filter, a test, a method or a global.</summary>
/// <param name="name">Its name, for error messages.</param>
/// <param name="parameters">The names of its parameters, all of which may be left out as far as the binder knows; null to take any.</param>
/// <param name="body">What it does.</param>
internal sealed class Routine(string name, string[]? parameters, Routine.Code body)
{
    /// <summary>The body: <c>bound[i]</c> is the argument of parameter i, or null if it was not given.</summary>
    public delegate Value Code(RenderState state, Value self, Value?[] bound, Arguments all);

    public string Name => name;

    public Value Call(RenderState state, Value self, Arguments arguments)
    {
        // Whatever a routine does, it looks at all of its subject at most a few times.
        state.ChargeSize(self);
        return body(state, self, parameters is null ? [] : Bind(parameters, arguments), arguments);
    }

    private Value?[] Bind(string[] names, Arguments arguments)
    {
        if (arguments.Positional.Count > names.Length)
            throw new ChatTemplateException($"{name}() takes at most {names.Length} arguments ({arguments.Positional.Count} given)");
        var bound = new Value?[names.Length];
        for (int i = 0; i < arguments.Positional.Count; i++)
            bound[i] = arguments.Positional[i];
        foreach ((string key, Value value) in arguments.Named)
        {
            int at = Array.IndexOf(names, key);
            if (at < 0)
                throw new ChatTemplateException($"{name}() got an unexpected keyword argument '{key}'");
            if (bound[at] is not null)
                throw new ChatTemplateException($"{name}() got multiple values for argument '{key}'");
            bound[at] = value;
        }
        return bound;
    }
}

/// <summary>A routine bound to the value it works on.</summary>
internal sealed class BoundRoutine(Value self, Routine routine) : CallableValue
{
    public override string TypeName => "builtin_function_or_method";

    public override Value Call(RenderState state, Arguments arguments) => routine.Call(state, self, arguments);
}

/// <summary>Routines by name.</summary>
internal sealed class RoutineTable
{
    private readonly Dictionary<string, Routine> _routines = [];

    public Routine? Find(string name) => _routines.GetValueOrDefault(name);

    public BoundRoutine? Bind(Value self, string name) => Find(name) is { } routine ? new BoundRoutine(self, routine) : null;

    /// <summary>Adds a routine; <paramref name="parameters"/> are separated by blanks, and <c>*</c> takes anything.</summary>
    public RoutineTable Add(string name, string parameters, Routine.Code body)
    {
        string[]? names = parameters == "*" ? null : parameters.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        _routines.Add(name, new Routine(name, names, body));
        return this;
    }

    /// <summary>Adds another name of a routine.</summary>
    public RoutineTable Alias(string alias, string name)
    {
        _routines.Add(alias, _routines[name]);
        return this;
    }
}
