using System.Text;

namespace Moe.Inference;

/// <summary>Sets of layers for people: <c>0-17, 20</c>.</summary>
internal static class RangeText
{
    /// <summary>Such as <c>layer 3</c> or <c>layers 0-17, 20</c>.</summary>
    public static string Layers(IEnumerable<int> layers)
    {
        int[] all = [.. layers.Distinct()];
        return $"{(all.Length == 1 ? "layer" : "layers")} {Of(all)}";
    }

    /// <summary>The numbers in order, neighbours as ranges.</summary>
    public static string Of(IEnumerable<int> numbers)
    {
        int[] sorted = [.. numbers.Distinct().Order()];
        StringBuilder text = new();
        for (int first = 0; first < sorted.Length;)
        {
            int last = first;
            while (last + 1 < sorted.Length && sorted[last + 1] == sorted[last] + 1)
                last++;
            text.Append(text.Length == 0 ? "" : ", ").Append(sorted[first]);
            if (last > first)
                text.Append(last == first + 1 ? ", " : "-").Append(sorted[last]);
            first = last + 1;
        }

        return text.ToString();
    }
}
