using Moe.Inference.Planning;

namespace Moe.Inference.Tests.Planning;

public class ArenaLayoutTests
{
    [Fact]
    public void Pieces_that_live_together_never_overlap()
    {
        for (int seed = 0; seed < 300; seed++)
        {
            Random random = new(seed);
            ArenaRequest[] requests = [.. Enumerable.Range(0, random.Next(1, 60)).Select(_ => Request(random))];
            (long[] offsets, long size) = ArenaLayout.Pack(requests);
            for (int a = 0; a < requests.Length; a++)
            {
                (offsets[a] % ArenaLayout.Alignment).Should().Be(0, "seed {0}", seed);
                (offsets[a] + requests[a].Bytes).Should().BeLessThanOrEqualTo(size, "seed {0}", seed);
                for (int b = 0; b < a; b++)
                {
                    bool together = requests[a].First <= requests[b].Last && requests[b].First <= requests[a].Last;
                    bool overlap = offsets[a] < offsets[b] + requests[b].Bytes && offsets[b] < offsets[a] + requests[a].Bytes;
                    (together && overlap).Should().BeFalse("seed {0}, pieces {1} and {2}", seed, a, b);
                }
            }
        }
    }

    [Fact]
    public void Pieces_that_follow_each_other_share_memory()
    {
        (long[] offsets, long size) = ArenaLayout.Pack([new(1000, 0, 1), new(1000, 2, 3), new(1000, 4, 9)]);
        offsets.Should().Equal(0, 0, 0);
        size.Should().Be(1024);
    }

    [Fact]
    public void The_arena_is_no_larger_than_what_lives_at_once_where_sizes_are_equal()
    {
        // Three at a time, all of one size: first fit needs exactly three places.
        ArenaRequest[] requests = [.. Enumerable.Range(0, 50).Select(i => new ArenaRequest(640, i, i + 2))];
        ArenaLayout.Pack(requests).Size.Should().Be(3 * 640);
    }

    [Fact]
    public void Nothing_needs_nothing() => ArenaLayout.Pack([]).Size.Should().Be(0);

    private static ArenaRequest Request(Random random)
    {
        int first = random.Next(20);
        return new ArenaRequest(random.Next(1, 5000), first, first + random.Next(6));
    }
}
