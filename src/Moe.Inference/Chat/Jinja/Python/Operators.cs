using System.Numerics;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's arithmetic on numbers, texts and lists.</summary>
internal static class Operators
{
    public static Value Apply(RenderState state, string sign, Value left, Value right) => (sign, left, right) switch
    {
        ("+", TextValue a, TextValue b) => Join(state, a, b),
        ("+", ListValue a, ListValue b) => new ListValue(Joined(state, a.Items, b.Items)),
        ("+", TupleValue a, TupleValue b) => new TupleValue([.. Joined(state, a.Items, b.Items)]),
        ("*", TextValue a, _) when Numbers.Index(right) is { } times => Repeat(state, a, times),
        ("*", _, TextValue b) when Numbers.Index(left) is { } times => Repeat(state, b, times),
        ("*", ListValue a, _) when Numbers.Index(right) is { } times => new ListValue(Repeated(state, a.Items, times)),
        ("*", _, ListValue b) when Numbers.Index(left) is { } times => new ListValue(Repeated(state, b.Items, times)),
        ("*", TupleValue a, _) when Numbers.Index(right) is { } times => new TupleValue([.. Repeated(state, a.Items, times)]),
        ("*", _, TupleValue b) when Numbers.Index(left) is { } times => new TupleValue([.. Repeated(state, b.Items, times)]),
        ("%", TextValue a, _) => PercentFormat.Apply(state, a, right),
        _ when Numbers.Real(left) is { } x && Numbers.Real(right) is { } y =>
            Numbers.Integer(left) is { } i && Numbers.Integer(right) is { } j
                ? Integers(state, sign, i, j) ?? (Value)new FloatValue(Reals(sign, x, y)) : new FloatValue(Reals(sign, x, y)),
        _ => throw Unsupported(sign, left, right),
    };

    public static Value Negate(Value value) => value switch
    {
        FloatValue real => new FloatValue(-real.Number),
        _ when Numbers.Integer(value) is { } integer => new IntValue(-integer),
        _ => throw Undefined(value, value) ?? new ChatTemplateException($"bad operand type for unary -: '{value.TypeName}'"),
    };

    public static Value Plus(Value value) => value switch
    {
        FloatValue => value,
        _ when Numbers.Integer(value) is { } integer => new IntValue(integer),
        _ => throw Undefined(value, value) ?? new ChatTemplateException($"bad operand type for unary +: '{value.TypeName}'"),
    };

    /// <summary>The error of using an undefined value, if one of two is.</summary>
    public static ChatTemplateException? Undefined(Value left, Value right) =>
        ((left as UndefinedValue) ?? (right as UndefinedValue))?.Error();

    /// <summary>An integer, unless it is too large to go on with.</summary>
    public static IntValue Bounded(BigInteger number) => number.GetBitLength() <= Limits.IntegerBits
        ? new IntValue(number) : throw new ChatTemplateException($"an integer grows beyond {Limits.IntegerBits} bits");

    private static TextValue Join(RenderState state, TextValue left, TextValue right)
    {
        bool markup = left.IsMarkup || right.IsMarkup;
        var joined = new TextBuilder(state);
        joined.Append(markup ? Markup.Escape(state, left) : left);
        joined.Append(markup ? Markup.Escape(state, right) : right);
        return joined.ToText(markup);
    }

    private static List<Value> Joined(RenderState state, IReadOnlyList<Value> left, IReadOnlyList<Value> right)
    {
        state.Charge(left.Count + (long)right.Count);
        return [.. left, .. right];
    }

    private static TextValue Repeat(RenderState state, TextValue text, int times)
    {
        Limits.CheckLength((long)text.Text.Length * Math.Max(times, 0));
        var repeated = new TextBuilder(state);
        state.Charge(text.IsTrue ? Math.Max(times, 0) / 4 : 0);
        for (int i = 0; i < times && text.IsTrue; i++)
            repeated.Append(text);
        return repeated.ToText(text.IsMarkup);
    }

    private static List<Value> Repeated(RenderState state, IReadOnlyList<Value> items, int times)
    {
        state.Charge(items.Count * (long)Math.Max(times, 0));
        var repeated = new List<Value>();
        for (int i = 0; i < times && items.Count > 0; i++)
            repeated.AddRange(items);
        return repeated;
    }

    // Null where Python's result is a float.
    private static IntValue? Integers(RenderState state, string sign, BigInteger left, BigInteger right)
    {
        state.Charge((left.GetBitLength() + right.GetBitLength()) / 256);
        return sign switch
        {
            "+" => Bounded(left + right),
            "-" => Bounded(left - right),
            "*" => Bounded(left * right),
            "//" => new IntValue(FloorDivide(left, right)),
            "%" => new IntValue(left - (FloorDivide(left, right) * right)),
            "**" when right.Sign >= 0 => Power(left, right),
            _ => null,
        };
    }

    private static BigInteger FloorDivide(BigInteger left, BigInteger right)
    {
        if (right.IsZero)
            throw new ChatTemplateException("integer division or modulo by zero");
        BigInteger quotient = BigInteger.DivRem(left, right, out BigInteger rest);
        return !rest.IsZero && rest.Sign != right.Sign ? quotient - 1 : quotient;
    }

    private static IntValue Power(BigInteger number, BigInteger exponent)
    {
        if (BigInteger.Abs(number) <= BigInteger.One)
            return new IntValue(number.IsZero ? (exponent.IsZero ? 1 : 0) : number.Sign < 0 && exponent.IsEven ? 1 : number);
        if (exponent > Limits.IntegerBits || (number.GetBitLength() - 1) * (long)exponent > Limits.IntegerBits)
            throw new ChatTemplateException($"an integer grows beyond {Limits.IntegerBits} bits");
        return Bounded(BigInteger.Pow(number, (int)exponent));
    }

    private static double Reals(string sign, double left, double right)
    {
        if (right == 0 && (sign is "/" or "//" or "%"))
            throw new ChatTemplateException(sign == "%" ? "float modulo" : "division by zero");
        switch (sign)
        {
            case "+": return left + right;
            case "-": return left - right;
            case "*": return left * right;
            case "/": return left / right;
            case "//": return Math.Floor(left / right);
            case "%":
                double rest = left % right;
                return rest != 0 && (rest < 0) != (right < 0) ? rest + right : double.CopySign(rest, rest == 0 ? right : rest);
            default: return Power(left, right);
        }
    }

    private static double Power(double left, double right)
    {
        if (left == 0 && right < 0)
            throw new ChatTemplateException("0.0 cannot be raised to a negative power");
        double power = Math.Pow(left, right);
        if (double.IsNaN(power) && !double.IsNaN(left) && !double.IsNaN(right))
            throw new ChatTemplateException("a negative number to a fractional power is complex");
        return double.IsInfinity(power) && double.IsFinite(left) && double.IsFinite(right)
            ? throw new ChatTemplateException("Numerical result out of range") : power;
    }

    private static ChatTemplateException Unsupported(string sign, Value left, Value right) => Undefined(left, right) ?? (sign, left, right) switch
    {
        ("+", TextValue or ListValue or TupleValue, _) => new ChatTemplateException(
            $"can only concatenate {left.TypeName} (not \"{right.TypeName}\") to {left.TypeName}"),
        ("*", TextValue or ListValue or TupleValue, _) => new ChatTemplateException(
            $"can't multiply sequence by non-int of type '{right.TypeName}'"),
        ("*", _, TextValue or ListValue or TupleValue) => new ChatTemplateException(
            $"can't multiply sequence by non-int of type '{left.TypeName}'"),
        _ => new ChatTemplateException($"unsupported operand type(s) for {sign}: '{left.TypeName}' and '{right.TypeName}'"),
    };
}
