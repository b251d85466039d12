using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja;

internal sealed class Literal(Value value, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => value;
}

internal sealed class Name(string name, int line) : Expression(line)
{
    public string Identifier => name;

    protected override Value Compute(RenderState state) => state.Scope.Find(name) ?? new UndefinedValue($"'{name}' is undefined");
}

internal sealed class ListExpression(IReadOnlyList<Expression> items, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => new ListValue([.. items.Select(item => item.Evaluate(state))]);
}

internal sealed class TupleExpression(IReadOnlyList<Expression> items, int line) : Expression(line)
{
    public IReadOnlyList<Expression> Items => items;

    protected override Value Compute(RenderState state) => new TupleValue([.. items.Select(item => item.Evaluate(state))]);
}

internal sealed class DictExpression(IReadOnlyList<(Expression Key, Expression Value)> entries, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        var dict = new DictValue();
        foreach ((Expression key, Expression value) in entries)
        {
            Value at = key.Evaluate(state);
            state.ChargeSize(at);
            dict.Set(at, value.Evaluate(state));
        }
        return dict;
    }
}

/// <summary><c>target.name</c>: Python's attribute first, then the item.</summary>
internal sealed class AttributeExpression(Expression target, string name, int line) : Expression(line)
{
    private readonly TextValue _key = new(name, true);

    protected override Value Compute(RenderState state)
    {
        Value value = target.Evaluate(state);
        if (value is UndefinedValue undefined)
            throw undefined.Error();
        return value.Attribute(name) ?? value.Item(_key) ?? Lookup.Missing(state, value, _key);
    }
}

/// <summary><c>target[key]</c>: the item first, then Python's attribute.</summary>
internal sealed class ItemExpression(Expression target, Expression key, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => Lookup.Item(state, target.Evaluate(state), key.Evaluate(state));
}

internal sealed class SliceExpression(Expression target, Expression? start, Expression? stop, Expression? step, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        Value value = target.Evaluate(state);
        if (value is UndefinedValue undefined)
            throw undefined.Error();
        return Slicing.Apply(state, value, start?.Evaluate(state), stop?.Evaluate(state), step?.Evaluate(state))
            ?? throw new ChatTemplateException(value is DictValue ? "unhashable type: 'slice'" : $"'{value.TypeName}' object is not subscriptable");
    }
}

internal sealed class ConditionalExpression(Expression test, Expression then, Expression? otherwise, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => test.Evaluate(state).IsTrue
        ? then.Evaluate(state)
        : otherwise?.Evaluate(state)
            ?? new UndefinedValue($"the inline if-expression on line {Line} evaluated to false and no else section was defined.");
}

internal sealed class NotExpression(Expression operand, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => BoolValue.Of(!operand.Evaluate(state).IsTrue);
}

internal sealed class SignExpression(bool negative, Expression operand, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        Value value = operand.Evaluate(state);
        return negative ? Operators.Negate(value) : Operators.Plus(value);
    }
}

/// <summary><c>and</c> or <c>or</c>: gives one of its operands, and does not look at the second in vain.</summary>
internal sealed class LogicalExpression(bool isAnd, Expression left, Expression right, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        Value first = left.Evaluate(state);
        return first.IsTrue == isAnd ? right.Evaluate(state) : first;
    }
}

internal sealed class ArithmeticExpression(string sign, Expression left, Expression right, int line) : Expression(line)
{
    protected override Value Compute(RenderState state) => Operators.Apply(state, sign, left.Evaluate(state), right.Evaluate(state));
}

/// <summary><c>a ~ b ~ c</c>: the texts of the values, without any escaping.</summary>
internal sealed class ConcatExpression(IReadOnlyList<Expression> items, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        var joined = new TextBuilder(state);
        foreach (Expression item in items)
            joined.Append(item.Evaluate(state));
        return joined.ToText();
    }
}

/// <summary>A chain of comparisons: <c>a &lt; b == c</c> means a &lt; b and b == c.</summary>
internal sealed class CompareExpression(Expression first, IReadOnlyList<(string Sign, Expression Operand)> chain, int line) : Expression(line)
{
    protected override Value Compute(RenderState state)
    {
        Value left = first.Evaluate(state);
        foreach ((string sign, Expression operand) in chain)
        {
            Value right = operand.Evaluate(state);
            if (!Holds(state, sign, left, right))
                return BoolValue.False;
            left = right;
        }
        return BoolValue.True;
    }

    public static bool Holds(RenderState state, string sign, Value left, Value right) => sign switch
    {
        "==" => Comparison.Same(state, left, right),
        "!=" => !Comparison.Same(state, left, right),
        "in" => Comparison.Contains(state, right, left),
        "not in" => !Comparison.Contains(state, right, left),
        "<" => Comparison.Order(state, left, right, sign) < 0,
        "<=" => Comparison.Order(state, left, right, sign) <= 0,
        ">" => Comparison.Order(state, left, right, sign) > 0,
        _ => Comparison.Order(state, left, right, sign) >= 0,
    };
}
