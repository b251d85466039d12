using System.Numerics;
using Moe.Inference.Chat.Jinja.Python;

namespace Moe.Inference.Chat.Jinja.Library;

/// <summary>Jinja's tests: what may follow <c>is</c>.</summary>
internal static class Tests
{
    public static RoutineTable Table { get; } = new RoutineTable()
        .Add("defined", "", (_, v, _, _) => Bool(v is not UndefinedValue))
        .Add("undefined", "", (_, v, _, _) => Bool(v is UndefinedValue))
        .Add("none", "", (_, v, _, _) => Bool(v is NoneValue))
        .Add("boolean", "", (_, v, _, _) => Bool(v is BoolValue))
        .Add("true", "", (_, v, _, _) => Bool(ReferenceEquals(v, BoolValue.True)))
        .Add("false", "", (_, v, _, _) => Bool(ReferenceEquals(v, BoolValue.False)))
        .Add("integer", "", (_, v, _, _) => Bool(v is IntValue))
        .Add("float", "", (_, v, _, _) => Bool(v is FloatValue))
        .Add("number", "", (_, v, _, _) => Bool(v is IntValue or FloatValue or BoolValue))
        .Add("string", "", (_, v, _, _) => Bool(v is TextValue))
        .Add("mapping", "", (_, v, _, _) => Bool(v is DictValue))
        .Add("sequence", "", (_, v, _, _) =>
            Bool(v is TextValue or ListValue or TupleValue or RangeValue or DictValue or UndefinedValue))
        .Add("iterable", "", (_, v, _, _) => Bool(v.Iterate() is not null))
        .Add("callable", "", (_, v, _, _) => Bool(v is CallableValue or UndefinedValue))
        .Add("lower", "", (state, v, _, _) => Bool(CharacterRules.IsAll(Printer.Text(state, v).Text, upper: false)))
        .Add("upper", "", (state, v, _, _) => Bool(CharacterRules.IsAll(Printer.Text(state, v).Text, upper: true)))
        .Add("escaped", "", (_, v, _, _) => Bool(v is TextValue { IsMarkup: true }))
        .Add("odd", "", (state, v, _, _) => Bool(Remainder(state, v, new IntValue(2), BigInteger.One)))
        .Add("even", "", (state, v, _, _) => Bool(Remainder(state, v, new IntValue(2), BigInteger.Zero)))
        .Add("divisibleby", "num", (state, v, a, _) => Bool(Remainder(state, v, Given(a[0]), BigInteger.Zero)))
        .Add("sameas", "other", (_, v, a, _) => Bool(ReferenceEquals(v, a[0])))
        .Add("in", "seq", (state, v, a, _) => Bool(Comparison.Contains(state, Given(a[0]), v)))
        .Add("filter", "", (_, v, _, _) => Bool(v is TextValue name && Filters.Table.Find(name.Text) is not null))
        .Add("test", "", (_, v, _, _) => Bool(v is TextValue name && Find(name.Text) is not null))
        .Compare("==", "eq", "equalto").Compare("!=", "ne").Compare("<", "lt", "lessthan")
        .Compare("<=", "le").Compare(">", "gt", "greaterthan").Compare(">=", "ge");

    public static Routine? Find(string name) => Table.Find(name);

    private static BoolValue Bool(bool value) => BoolValue.Of(value);

    private static Value Given(Value? value) => value ?? throw new ChatTemplateException("the test lacks an argument");

    private static bool Remainder(RenderState state, Value value, Value divisor, BigInteger wanted) =>
        Comparison.Same(state, Operators.Apply(state, "%", value, divisor), new IntValue(wanted));

    private static RoutineTable Compare(this RoutineTable table, string sign, params ReadOnlySpan<string> aliases)
    {
        table.Add(sign, "other", (state, v, a, _) => Bool(CompareExpression.Holds(state, sign, v, Given(a[0]))));
        foreach (string alias in aliases)
            table.Alias(alias, sign);
        return table;
    }
}
