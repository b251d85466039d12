namespace Moe.Inference.Chat.Jinja;

/// <summary>The variables of a block of the template, and the scope around it.</summary>
internal sealed class Scope(Scope? parent)
{
    private Dictionary<string, Value>? _variables;

    public void Set(string name, Value value) => (_variables ??= [])[name] = value;

    public Value? Find(string name)
    {
        for (Scope? scope = this; scope is not null; scope = scope.Parent)
        {
            if (scope._variables is not null && scope._variables.TryGetValue(name, out Value? value))
                return value;
        }
        return null;
    }

    private Scope? Parent { get; } = parent;
}
