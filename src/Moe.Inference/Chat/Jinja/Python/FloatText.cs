using System.Globalization;
using System.Numerics;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's text of a float, and its rounding.</summary>
internal static class FloatText
{
    /// <summary>Python's <c>repr(float)</c>: the fewest digits that give the number back, exponents below -4 and from 16.</summary>
    public static string Repr(double number)
    {
        if (double.IsNaN(number))
            return "nan";
        if (double.IsInfinity(number))
            return number > 0 ? "inf" : "-inf";
        if (number == 0)
            return double.IsNegative(number) ? "-0.0" : "0.0";

        (string sign, string digits, int exponent) = Digits(number);
        if (exponent is < -4 or >= 16)
        {
            string fraction = digits.Length > 1 ? "." + digits[1..] : "";
            return string.Create(CultureInfo.InvariantCulture,
                $"{sign}{digits[0]}{fraction}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent):00}");
        }
        if (exponent < 0)
            return $"{sign}0.{new string('0', -exponent - 1)}{digits}";
        string whole = digits.PadRight(exponent + 1, '0');
        return $"{sign}{whole[..(exponent + 1)]}.{(whole.Length > exponent + 1 ? whole[(exponent + 1)..] : "0")}";
    }

    /// <summary>Python's <c>round(float, digits)</c>: exact, halves to even.</summary>
    public static double Round(double number, int places)
    {
        // Beyond these, every double is its own rounding, or rounds to zero.
        if (!double.IsFinite(number) || places > 400)
            return number;
        if (places < -400)
            return double.CopySign(0, number);

        // number = mantissa · 2^exponent, so number · 10^places is a fraction of whole numbers.
        long bits = BitConverter.DoubleToInt64Bits(number);
        int field = (int)((bits >> 52) & 0x7FF);
        long mantissa = (bits & 0xF_FFFF_FFFF_FFFF) | (field > 0 ? 1L << 52 : 0);
        int exponent = Math.Max(field, 1) - 1075;
        BigInteger above = mantissa;
        BigInteger below = BigInteger.One;
        if (exponent >= 0) above <<= exponent; else below <<= -exponent;
        if (places >= 0) above *= BigInteger.Pow(10, places); else below *= BigInteger.Pow(10, -places);

        BigInteger rounded = HalfToEven(above, below);
        double result = double.Parse($"{rounded}e{-places}", CultureInfo.InvariantCulture);
        return double.CopySign(result, number);
    }

    /// <summary>The quotient of two numbers, the second above zero, rounded to the nearest whole, halves to even.</summary>
    public static BigInteger HalfToEven(BigInteger above, BigInteger below)
    {
        BigInteger quotient = BigInteger.DivRem(above, below, out BigInteger rest);
        int half = (BigInteger.Abs(rest) * 2).CompareTo(below);
        return half > 0 || (half == 0 && !quotient.IsEven) ? quotient + (above.Sign < 0 ? -1 : 1) : quotient;
    }

    // The shortest digits without leading or trailing zeros, and the power of ten of the first.
    private static (string Sign, string Digits, int Exponent) Digits(double number)
    {
        string text = Math.Abs(number).ToString("R", CultureInfo.InvariantCulture);
        int mark = text.IndexOf('E', StringComparison.Ordinal);
        int shift = mark < 0 ? 0 : int.Parse(text.AsSpan(mark + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);
        string plain = mark < 0 ? text : text[..mark];
        int point = plain.IndexOf('.', StringComparison.Ordinal);
        string all = plain.Replace(".", "", StringComparison.Ordinal);
        string digits = all.Trim('0');
        int exponent = (point < 0 ? plain.Length : point) - 1 - (all.Length - all.TrimStart('0').Length) + shift;
        return (number < 0 ? "-" : "", digits, exponent);
    }
}
