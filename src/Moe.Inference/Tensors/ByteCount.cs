using System.Globalization;

namespace Moe.Inference.Tensors;

/// <summary>Numbers of bytes as people read and write them, in powers of 1,024.</summary>
internal static class ByteCount
{
    private static readonly string[] Units = ["B", "KiB", "MiB", "GiB", "TiB"];

    /// <summary>Such as <c>1.50 GiB</c>: four digits or, below a KiB, all of them.</summary>
    public static string Text(long bytes)
    {
        int unit = 0;
        double value = bytes;
        while (Math.Abs(value) >= 1024 && unit < Units.Length - 1)
        {
            value /= 1024;
            unit++;
        }

        string format = unit == 0 ? "0" : Math.Abs(value) < 10 ? "0.000" : Math.Abs(value) < 100 ? "0.00" : "0.0";
        return $"{value.ToString(format, CultureInfo.InvariantCulture)} {Units[unit]}";
    }

    /// <summary>Reads such as <c>24GiB</c>, <c>24G</c> (the same), <c>24GB</c> (powers of 1,000), <c>1.5 TiB</c>, or plain bytes.</summary>
    /// <exception cref="FormatException">The text is no number of bytes.</exception>
    public static long Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        int digits = 0;
        while (digits < text.Length && (char.IsAsciiDigit(text[digits]) || text[digits] == '.'))
            digits++;
        if (!decimal.TryParse(text[..digits], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number) || ScaleOf(text[digits..].Trim()) is not { } scale)
            throw new FormatException($"'{text}' is no number of bytes; expected such as 24GiB, 24GB or 25769803776");
        decimal bytes = number * scale;
        return bytes <= long.MaxValue && bytes == decimal.Floor(bytes) ? (long)bytes : throw new FormatException($"'{text}' is no whole number of bytes, or too large");
    }

    private static long? ScaleOf(string unit)
    {
        if (unit.Length == 0 || unit.Equals("B", StringComparison.OrdinalIgnoreCase))
            return 1;
        int power = "KMGT".IndexOf(char.ToUpperInvariant(unit[0])) + 1;
        return power == 0 ? null : unit[1..].ToUpperInvariant() switch
        {
            "" or "IB" => 1L << (10 * power),
            "B" => (long)Math.Pow(1000, power),
            _ => null,
        };
    }
}
