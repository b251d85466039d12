using System.Globalization;
using System.Text;

namespace Moe.Inference.Chat.Jinja.Python;

/// <summary>Python's <c>datetime.strftime</c> in the C locale, for a time without a zone.</summary>
internal static class TimeFormat
{
    public static string Apply(DateTime time, string format)
    {
        var output = new StringBuilder();
        for (int i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                output.Append(format[i]);
                continue;
            }
            // glibc's "%-d" leaves the padding away.
            bool bare = format[i + 1] == '-' && i + 2 < format.Length;
            i += bare ? 2 : 1;
            string? field = Field(time, format[i]);
            output.Append(field is null ? "%" + (bare ? "-" : "") + format[i]
                : bare && field.TrimStart('0', ' ') is var trimmed ? (trimmed.Length > 0 ? trimmed : "0") : field);
        }
        return output.ToString();
    }

    private static string? Field(DateTime time, char code)
    {
        string Net(string format) => time.ToString(format, CultureInfo.InvariantCulture);
        string Number(int value, int width) => value.ToString("D" + width, CultureInfo.InvariantCulture);
        int day = (int)time.DayOfWeek;
        return code switch
        {
            'Y' => Number(time.Year, 1),
            'y' => Number(time.Year % 100, 2),
            'C' => Number(time.Year / 100, 2),
            'm' => Net("MM"),
            'd' => Net("dd"),
            'e' => time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
            'H' => Net("HH"),
            'I' => Net("hh"),
            'M' => Net("mm"),
            'S' => Net("ss"),
            'f' => Net("ffffff"),
            'p' => Net("tt"),
            'a' => Net("ddd"),
            'A' => Net("dddd"),
            'b' or 'h' => Net("MMM"),
            'B' => Net("MMMM"),
            'j' => Number(time.DayOfYear, 3),
            'w' => Number(day, 1),
            'u' => Number(day == 0 ? 7 : day, 1),
            'U' => Number((time.DayOfYear + 6 - day) / 7, 2),
            'W' => Number((time.DayOfYear + 6 - ((day + 6) % 7)) / 7, 2),
            'G' => Number(ISOWeek.GetYear(time), 1),
            'V' => Number(ISOWeek.GetWeekOfYear(time), 2),
            'D' or 'x' => Net("MM/dd/yy"),
            'F' => Net("yyyy-MM-dd"),
            'T' or 'X' => Net("HH:mm:ss"),
            'R' => Net("HH:mm"),
            'r' => Net("hh:mm:ss tt"),
            'c' => Net("ddd MMM ") + time.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2) + Net(" HH:mm:ss yyyy"),
            's' => new DateTimeOffset(time).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture),
            'n' => "\n",
            't' => "\t",
            '%' => "%",
            'z' or 'Z' => "",
            _ => null,
        };
    }
}
