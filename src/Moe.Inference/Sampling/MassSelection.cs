namespace Moe.Inference.Sampling;

/// <summary>One candidate as <see cref="MassSelection"/> sees it.</summary>
/// <param name="Rank">Lower comes first.</param>
/// <param name="Position">Its place among the candidates; of equal ranks the lower comes first.</param>
/// <param name="Weight">Its share of the mass, not normalized.</param>
internal readonly record struct RankedWeight(double Rank, int Position, double Weight) : IComparable<RankedWeight>
{
    public int CompareTo(RankedWeight other) =>
        Rank < other.Rank ? -1 : Rank > other.Rank ? 1 : Position.CompareTo(other.Position);
}

/// <summary>
/// Finds where the running sum of weights, taken in rank order, first reaches a target, without sorting everything: as in quickselect, only
/// the side of the pivot on which the sum is reached is looked at again, so that the expected time is linear.
/// </summary>
internal static class MassSelection
{
    private const int SortBelow = 32;

    /// <summary>
    /// The last entry, in rank order, of the shortest non-empty beginning whose weights sum to at least the target; the last of all if none
    /// do.
    /// </summary>
    /// <param name="entries">At least one entry; reordered.</param>
    /// <param name="target">The sum to reach.</param>
    public static RankedWeight Last(Span<RankedWeight> entries, double target)
    {
        double before = 0;
        while (entries.Length > SortBelow)
        {
            int split = Partition(entries);
            double mass = before;
            foreach (RankedWeight entry in entries[..split])
                mass += entry.Weight;
            if (mass >= target)
            {
                entries = entries[..split];
            }
            else
            {
                before = mass;
                entries = entries[split..];
            }
        }
        entries.Sort();
        foreach (RankedWeight entry in entries)
        {
            before += entry.Weight;
            if (before >= target)
                return entry;
        }
        return entries[^1];
    }

    /// <summary>
    /// Hoare's partition: everything before the returned index ranks before everything from it on. Both sides hold something, since no two
    /// entries are equal and so some entry ranks before the pivot.
    /// </summary>
    private static int Partition(Span<RankedWeight> entries)
    {
        RankedWeight pivot = Median(entries[0], entries[entries.Length / 2], entries[^1]);
        int low = -1, high = entries.Length;
        while (true)
        {
            do low++;
            while (entries[low].CompareTo(pivot) < 0);
            do high--;
            while (entries[high].CompareTo(pivot) > 0);
            if (low >= high)
                return low;
            (entries[low], entries[high]) = (entries[high], entries[low]);
        }
    }

    private static RankedWeight Median(RankedWeight a, RankedWeight b, RankedWeight c)
    {
        if (a.CompareTo(b) > 0)
            (a, b) = (b, a);
        return c.CompareTo(a) < 0 ? a : c.CompareTo(b) > 0 ? b : c;
    }
}
