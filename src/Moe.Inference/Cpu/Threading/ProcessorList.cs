using System.Globalization;

namespace Moe.Inference.Cpu.Threading;

/// <summary>Lists of processors or memory nodes as the Linux kernel writes them: numbers and ranges with commas between, such as <c>0-3,8</c>.</summary>
internal static class ProcessorList
{
    /// <summary>Numbers beyond any machine's, so that a range is not expanded without end.</summary>
    public const int Limit = 1 << 16;

    /// <summary>Reads a list; nothing gives an empty one.</summary>
    /// <exception cref="FormatException">It is no list, or a number is not below <see cref="Limit"/>.</exception>
    public static int[] Parse(string text)
    {
        List<int> numbers = [];
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
        {
            string[] ends = part.Split('-', 2);
            (int first, int last) = (Number(ends[0]), Number(ends[^1]));
            if (last < first)
                throw new FormatException($"'{part}' goes backwards");
            numbers.AddRange(Enumerable.Range(first, last - first + 1));
        }

        return [.. numbers];
    }

    /// <summary>The shortest text for numbers in ascending order.</summary>
    public static string Text(IReadOnlyList<int> numbers)
    {
        List<string> parts = [];
        for (int i = 0, end; i < numbers.Count; i = end)
        {
            for (end = i + 1; end < numbers.Count && numbers[end] == numbers[end - 1] + 1;)
                end++;
            parts.Add(end - i == 1 ? $"{numbers[i]}" : $"{numbers[i]}-{numbers[end - 1]}");
        }

        return string.Join(',', parts);
    }

    private static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number < Limit
        ? number
        : throw new FormatException($"'{text}' is no number below {Limit}");
}
