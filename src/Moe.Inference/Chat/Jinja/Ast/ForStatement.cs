namespace Moe.Inference.Chat.Jinja;

/// <summary><c>{% for target in subject if test recursive %}…{% else %}…{% endfor %}</c>.</summary>
internal sealed class ForStatement(
    Target target, Expression subject, Expression? test, bool recursive, Block body, Block otherwise, int line) : Statement(line)
{
    protected override Flow Run(RenderState state) => Loop(state, subject.Evaluate(state), 0);

    private Flow Loop(RenderState state, Value items, int depth0)
    {
        Scope outer = state.Scope;
        IEnumerable<Value> walked = test is null ? state.Walk(items) : Selected(state, outer, items);
        Value counted = test is null ? items : new GeneratorValue([]);
        var loop = new LoopValue(state, counted, walked, depth0, recursive ? (inner, depth) => Recurse(state, outer, inner, depth) : null);

        bool any = false;
        while (loop.Next() is { } item)
        {
            any = true;
            state.Scope = new Scope(outer);
            target.Assign(state, item);
            state.Scope.Set("loop", loop);
            Flow flow = body.Execute(state);
            state.Scope = outer;
            if (flow == Flow.Break)
                break;
        }
        if (any)
            return Flow.Next;
        // A break in here is one of the loop around this one.
        state.Scope = new Scope(outer);
        Flow ended = otherwise.Execute(state);
        state.Scope = outer;
        return ended;
    }

    // Lazy, as in Jinja: the test may look at what the body has changed meanwhile.
    private IEnumerable<Value> Selected(RenderState state, Scope outer, Value items)
    {
        foreach (Value item in state.Walk(items))
        {
            Scope current = state.Scope;
            state.Scope = new Scope(outer);
            target.Assign(state, item);
            bool selected = test!.Evaluate(state).IsTrue;
            state.Scope = current;
            if (selected)
                yield return item;
        }
    }

    // loop(items): the same loop over other items, as a text.
    private TextValue Recurse(RenderState state, Scope outer, Value items, int depth0)
    {
        int line = state.Enter(Line);
        TextValue text = state.Capture(outer, new Block([new Again(this, items, depth0)]));
        state.Leave(line);
        return text;
    }

    private sealed class Again(ForStatement loop, Value items, int depth0) : Statement(loop.Line)
    {
        protected override Flow Run(RenderState state) => loop.Loop(state, items, depth0);
    }
}
