namespace ChatSample;

/// <summary>Large numbers for people.</summary>
internal static class Sizes
{
    /// <summary>Bytes in powers of 1,024: <c>12.6 MiB</c>.</summary>
    public static string Bytes(long bytes) => Scaled(bytes, 1024, ["bytes", "KiB", "MiB", "GiB", "TiB"]);

    /// <summary>A count in powers of 1,000: <c>21.1 M</c>.</summary>
    public static string Count(long count) => Scaled(count, 1000, ["", "K", "M", "B", "T"]).TrimEnd();

    private static string Scaled(double value, double step, string[] units)
    {
        int unit = 0;
        while (value >= step && unit < units.Length - 1)
        {
            value /= step;
            unit++;
        }

        return $"{value.ToString(unit == 0 ? "0" : "0.0")} {units[unit]}";
    }
}
