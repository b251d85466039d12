namespace Moe.Inference.Chat.Jinja;

/// <summary>An expression of the syntax tree. Immutable: templates are rendered by many threads.</summary>
internal abstract class Expression(int line)
{
    public int Line { get; } = line;

    public Value Evaluate(RenderState state)
    {
        int outer = state.Enter(Line);
        Value value = Compute(state);
        state.Leave(outer);
        return value;
    }

    protected abstract Value Compute(RenderState state);
}

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    Next,
    Break,
    Continue,
}

/// <summary>A statement of the syntax tree.</summary>
internal abstract class Statement(int line)
{
    public int Line { get; } = line;

    public Flow Execute(RenderState state)
    {
        int outer = state.Enter(Line);
        Flow flow = Run(state);
        state.Leave(outer);
        return flow;
    }

    protected abstract Flow Run(RenderState state);
}

/// <summary>Statements one after another.</summary>
internal sealed class Block(IReadOnlyList<Statement> statements)
{
    public static Block Empty { get; } = new([]);

    public Flow Execute(RenderState state)
    {
        foreach (Statement statement in statements)
        {
            Flow flow = statement.Execute(state);
            if (flow != Flow.Next)
                return flow;
        }
        return Flow.Next;
    }
}
