using System.Globalization;

namespace Moe.Inference.Testing.Conformance;

/// <summary>What a float output must hold.</summary>
/// <param name="rows">Rows.</param>
/// <param name="width">Elements of a row.</param>
/// <param name="output">Its number among the node's outputs.</param>
internal sealed class ExpectedFloats(int rows, int width, int output = 0)
{
    private const uint PoisonBits = 0xFFFF_FFFF;

    private readonly double[] _values = [.. Enumerable.Repeat(double.NaN, rows * width)];
    private readonly double[] _tolerances = new double[rows * width];

    /// <summary>What a row is about, for people, if more is to be said than its number.</summary>
    public Func<int, string>? DescribeRow { get; init; }

    /// <summary>Sets an element; those never set must not be written.</summary>
    public void Set(int row, int column, double value, double tolerance)
    {
        _values[(row * width) + column] = value;
        _tolerances[(row * width) + column] = tolerance;
    }

    /// <summary>Sets an element.</summary>
    public void Set(int row, int column, (double Value, double Bound) expected) => Set(row, column, expected.Value, expected.Bound);

    /// <summary>Finds the first wrong element.</summary>
    public Mismatch? Check(RunResult result)
    {
        ReadOnlySpan<float> found = result.Floats(output);
        int wrong = 0, first = -1;
        for (int i = 0; i < _values.Length; i++)
        {
            if (IsRight(found[i], i))
                continue;
            wrong++;
            first = first < 0 ? i : first;
        }

        if (first < 0)
            return null;
        (int row, int column) = Math.DivRem(first, width);
        string about = DescribeRow is null ? "" : $" ({DescribeRow(row)})";
        string expected = double.IsNaN(_values[first]) ? "nothing written" : string.Create(CultureInfo.InvariantCulture, $"{_values[first]:g9} ± {_tolerances[first]:g3}");
        string text = BitConverter.SingleToUInt32Bits(found[first]) == PoisonBits ? "nothing written" : found[first].ToString("g9", CultureInfo.InvariantCulture);
        return new Mismatch($"output {output}, row {row}{about}, column {column}", expected, $"{text} ({wrong} of {_values.Length} elements are wrong)");
    }

    private bool IsRight(float found, int index) => double.IsNaN(_values[index])
        ? BitConverter.SingleToUInt32Bits(found) == PoisonBits
        : Math.Abs(found - _values[index]) <= _tolerances[index];
}
