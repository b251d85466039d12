using System.Numerics;

namespace Moe.Inference.Chat.Jinja;

/// <summary>Python's int. Size is bounded where one is computed, see <see cref="Limits.IntegerBits"/>.</summary>
internal sealed class IntValue(BigInteger value) : Value
{
    public BigInteger Number { get; } = value;

    public override string TypeName => "int";

    public override bool IsTrue => !Number.IsZero;
}

/// <summary>Python's float.</summary>
internal sealed class FloatValue(double value) : Value
{
    public double Number { get; } = value;

    public override string TypeName => "float";

    public override bool IsTrue => Number != 0;
}

/// <summary>Reading numbers out of values; a bool counts as 0 or 1, as in Python.</summary>
internal static class Numbers
{
    /// <summary>The value as an integer, or null if it is no int or bool.</summary>
    public static BigInteger? Integer(Value value) => value switch
    {
        IntValue i => i.Number,
        BoolValue b => b.IsTrue ? BigInteger.One : BigInteger.Zero,
        _ => null,
    };

    /// <summary>The value as a double, or null if it is no number.</summary>
    public static double? Real(Value value) => value is FloatValue f ? f.Number : (double?)Integer(value);

    /// <summary>The value as a position or count, clamped to what an int holds; null if it is no integer.</summary>
    public static int? Index(Value value) => Integer(value) is { } i ? (int)BigInteger.Clamp(i, -int.MaxValue, int.MaxValue) : null;

    /// <summary>The integer that an argument must be.</summary>
    public static int RequireIndex(Value value) =>
        Index(value) ?? throw new ChatTemplateException($"'{value.TypeName}' object cannot be interpreted as an integer");
}
