using Moe.Inference.Cpu;
using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Kv;

/// <summary>Sequences against a plain model: each keeps its own list of what it wrote.</summary>
public sealed class KvSequenceTests : IDisposable
{
    private const int Capacity = 64 * 12;
    private readonly CpuBackend _backend = new(1);
    private readonly KvMemory _memory;

    public KvSequenceTests() => _memory = new KvMemory([(new KvLayer(0, 1, 1, 1), _backend)], ElementType.F32, Capacity);

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

    private unsafe void Write(Tracked one, int[] tokens)
    {
        one.Sequence.TryReserve(tokens.Length).Should().BeTrue();
        foreach (int token in tokens)
        {
            ((float*)Keys.Address)[one.Sequence.Slot(one.Tokens.Count)] = token;
            one.Tokens.Add(token);
        }

        one.Sequence.Commit(one.Tokens.ToArray(), one.Tokens.Count);
    }

    private static void Rewind(Tracked one, int length)
    {
        one.Sequence.Truncate(length);
        one.Tokens.RemoveRange(length, one.Tokens.Count - length);
    }

    private unsafe int[] Stored(Tracked one) => [.. Enumerable.Range(0, one.Sequence.Length).Select(i => (int)((float*)Keys.Address)[one.Sequence.Slot(i)])];

    private TensorView Keys => _memory.View(new KvLayer(0, 1, 1, 1)).Keys;

    private sealed record Tracked(KvSequence Sequence, List<int> Tokens);
}
