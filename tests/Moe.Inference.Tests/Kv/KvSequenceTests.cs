using Moe.Inference.Cpu;
using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Kv;

/// <summary>Sequences against a plain model: each keeps its own list of what it wrote.</summary>
public sealed class KvSequenceTests : IDisposable
{
    private const int Capacity = 64 * 12;
    private static readonly KvLayer Layer = new(0, 2, 3, 1);
    private readonly CpuBackend _backend = new(1);
    private readonly KvMemory _memory;

    public KvSequenceTests() => _memory = new KvMemory([(Layer, _backend)], ElementType.F32, Capacity);

    public void Dispose()
    {
        _memory.Dispose();
        _backend.Dispose();
    }

    [Fact]
    public void Random_writes_rewinds_forks_and_adoptions_keep_every_sequence_intact()
    {
        for (int seed = 0; seed < 60; seed++)
        {
            Random random = new(seed);
            List<Tracked> all = [new(new KvSequence(_memory), [])];
            for (int step = 0; step < 120; step++)
            {
                Tracked one = all[random.Next(all.Count)];
                switch (random.Next(6))
                {
                    case 0 or 1 or 2:
                        Write(one, random.Next(1, 90), random.Next(3));
                        break;
                    case 3:
                        Rewind(one, random.Next(one.Tokens.Count + 1));
                        break;
                    case 4 when all.Count < 6:
                        all.Add(new Tracked(one.Sequence.Fork(), [.. one.Tokens]));
                        break;
                    case 5 when all.Count > 1:
                        one.Sequence.Dispose();
                        all.Remove(one);
                        break;
                }

                foreach (Tracked sequence in all)
                    Stored(sequence).Should().Equal(sequence.Tokens, "seed {0}, step {1}", seed, step);
            }

            foreach (Tracked sequence in all)
                sequence.Sequence.Dispose();
            _memory.Pages.Available.Should().Be(Capacity / KvMemory.PageLength, "all pages come back (seed {0})", seed);
        }
    }

    [Fact]
    public void A_sequence_with_the_same_beginning_takes_over_whole_pages()
    {
        using KvSequence first = new(_memory);
        int[] tokens = [.. Enumerable.Range(0, 200)];
        Write(new Tracked(first, []), tokens);
        using KvSequence same = new(_memory);
        same.Adopt(tokens).Should().Be(192);
        same.Pages.ToArray().Should().Equal(first.Pages[..3].ToArray());
        using KvSequence other = new(_memory);
        other.Adopt([.. tokens.Take(64), .. tokens.Skip(65)]).Should().Be(64);
        using KvSequence different = new(_memory);
        different.Adopt([1, .. tokens]).Should().Be(0);
    }

    [Fact]
    public void Remembered_pages_are_given_up_when_memory_runs_short()
    {
        KvSequence first = new(_memory);
        Write(new Tracked(first, []), [.. Enumerable.Range(0, Capacity)]);
        using KvSequence second = new(_memory);
        second.TryReserve(1).Should().BeFalse("all pages are in use");
        first.Dispose();
        second.TryReserve(Capacity).Should().BeTrue();
        second.TryReserve(Capacity + 1).Should().BeFalse();
    }

    [Fact]
    public void A_sequence_that_is_rewound_and_written_again_fits_memory_of_its_own_length()
    {
        Tracked one = new(new KvSequence(_memory), []);
        for (int round = 0; round < 4; round++)
        {
            // The same text, then others that share one page and half of the memory with it.
            int[] tokens = [.. Enumerable.Range(0, Capacity).Select(i => i < (round < 2 ? Capacity : round == 2 ? 64 : Capacity / 2) ? i : i + round)];
            foreach (int token in tokens.Skip(one.Tokens.Count))
                Write(one, [token]);
            Stored(one).Should().Equal(tokens, "round {0}", round);
            Rewind(one, 1);
        }

        one.Sequence.Dispose();
        using KvSequence same = new(_memory);
        same.Adopt([.. Enumerable.Range(0, Capacity / 2)]).Should().Be(Capacity / 2, "the text written last is still remembered");
    }

    [Fact]
    public void A_beginning_that_only_pages_in_use_follow_is_given_up_when_memory_runs_short()
    {
        int[] beginning = [.. Enumerable.Range(0, 64)];
        KvSequence first = new(_memory);
        Write(new Tracked(first, []), beginning);
        using KvSequence second = new(_memory);
        Tracked same = new(second, []);
        Write(same, beginning);
        Write(same, [.. Enumerable.Range(1000, 64)]);
        first.Dispose();
        second.TryReserve(Capacity - 128).Should().BeTrue("no other sequence is left");
        Stored(same).Should().Equal(same.Tokens);
    }

    [Fact]
    public void A_copy_of_a_page_begun_holds_what_was_written_and_nothing_else()
    {
        _memory.Fill(0xFF);
        foreach ((TensorView half, long row) in Enumerable.Range(0, 64).SelectMany(RowsOf))
            Row(half, row).Fill(7);
        _memory.CopyPage(0, 1, 5);
        Enumerable.Range(64, 5).SelectMany(RowsOf).Should().OnlyContain(place => Row(place.Half, place.Row).ToArray().All(x => x == 7));
        Enumerable.Range(69, 123).SelectMany(RowsOf).Should().OnlyContain(place => Row(place.Half, place.Row).ToArray().All(float.IsNaN));
    }

    private void Write(Tracked one, int count, int flavour)
    {
        int[] tokens = [.. Enumerable.Range(one.Tokens.Count, count).Select(i => (i * 3) + flavour)];
        if (one.Tokens.Count == 0)
        {
            int adopted = one.Sequence.Adopt(tokens);
            one.Tokens.AddRange(tokens[..adopted]);
            tokens = tokens[adopted..];
        }

        if (one.Sequence.TryReserve(tokens.Length))
            Write(one, tokens);
    }

    private void Write(Tracked one, int[] tokens)
    {
        one.Sequence.TryReserve(tokens.Length).Should().BeTrue();
        foreach (int token in tokens)
        {
            foreach ((TensorView half, long row) in RowsOf(one.Sequence.Slot(one.Tokens.Count)))
                Row(half, row).Fill(token);
            one.Tokens.Add(token);
        }

        one.Sequence.Commit(one.Tokens.ToArray(), one.Tokens.Count);
    }

    private static void Rewind(Tracked one, int length)
    {
        one.Sequence.Truncate(length);
        one.Tokens.RemoveRange(length, one.Tokens.Count - length);
    }

    // What all rows of a position hold; -1 where they differ.
    private int[] Stored(Tracked one) => [.. Enumerable.Range(0, one.Sequence.Length).Select(i =>
    {
        float[] found = [.. RowsOf(one.Sequence.Slot(i)).SelectMany(place => Row(place.Half, place.Row).ToArray()).Distinct()];
        return found.Length == 1 ? (int)found[0] : -1;
    })];

    private IEnumerable<(TensorView Half, long Row)> RowsOf(int slot) =>
        from half in (TensorView[])[_memory.View(Layer).Keys, _memory.View(Layer).Values]
        from head in Enumerable.Range(0, Layer.Heads)
        select (half, (((slot / KvMemory.PageLength * (long)Layer.Heads) + head) * KvMemory.PageLength) + (slot % KvMemory.PageLength));

    private static unsafe Span<float> Row(TensorView half, long row) => new((float*)half.Address + (row * half.Width), half.Width);

    private sealed record Tracked(KvSequence Sequence, List<int> Tokens);
}
