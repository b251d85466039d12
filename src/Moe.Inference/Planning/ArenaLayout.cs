namespace Moe.Inference.Planning;

/// <summary>A piece of memory that is needed during a span of stages.</summary>
/// <param name="Bytes">Its size.</param>
/// <param name="First">First stage that needs it.</param>
/// <param name="Last">Last stage that needs it.</param>
internal readonly record struct ArenaRequest(long Bytes, int First, int Last);

/// <summary>Packs pieces with known life spans into one arena: largest first, each at the lowest offset free for its whole life.</summary>
internal static class ArenaLayout
{
    /// <summary>Every piece starts at a multiple of this many bytes: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    /// <summary>Lays pieces out.</summary>
    /// <param name="requests">The pieces.</param>
    /// <param name="guardBytes">Bytes left free behind each piece, and before the first, so that a write beyond a piece hits no other.</param>
    /// <returns>An offset for each request, in their order, and the size of the arena.</returns>
    public static (long[] Offsets, long Size) Pack(IReadOnlyList<ArenaRequest> requests, int guardBytes = 0)
    {
        long[] offsets = new long[requests.Count];
        List<(long Start, long End, int First, int Last)> placed = [];
        long size = guardBytes;
        foreach (int index in Enumerable.Range(0, requests.Count).OrderByDescending(i => requests[i].Bytes).ThenBy(i => i))
        {
            ArenaRequest request = requests[index];
            long bytes = Align(request.Bytes + guardBytes);
            long offset = guardBytes;
            foreach ((long start, long end, int first, int last) in placed)
            {
                bool together = first <= request.Last && request.First <= last;
                if (together && start < offset + bytes && offset < end)
                    offset = end;
            }

            offsets[index] = offset;
            (long, long, int, int) piece = (offset, offset + bytes, request.First, request.Last);
            int position = placed.BinarySearch(piece, Comparer<(long Start, long, int, int)>.Create((a, b) => a.Start.CompareTo(b.Start)));
            placed.Insert(position < 0 ? ~position : position, piece);
            size = Math.Max(size, offset + bytes);
        }

        return (offsets, size);
    }

    private static long Align(long bytes) => checked((Math.Max(bytes, 1) + Alignment - 1) / Alignment * Alignment);
}
