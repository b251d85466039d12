namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>Which experts each token chose.</summary>
/// <param name="Name">What is special about it.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Used">Experts chosen per token.</param>
/// <param name="Experts">Experts whose weights are here.</param>
/// <param name="First">The first of them.</param>
/// <param name="Ids">The chosen experts, token by token.</param>
/// <param name="Spare">Tokens that memory has room for beyond the run.</param>
internal sealed record ExpertRows(string Name, int Tokens, int Used, int Experts, int First, int[] Ids, int Spare = 0)
{
    /// <summary>Rows: chosen experts of all tokens.</summary>
    public int Rows => Ids.Length;

    /// <summary>The matrix of a row, or -1 if it lives elsewhere.</summary>
    public int MatrixOf(int row) => Ids[row] >= First && Ids[row] < First + Experts ? Ids[row] - First : -1;

    /// <summary>A row for people.</summary>
    public string Describe(int row)
    {
        int here = Ids.Count(id => id == Ids[row]);
        return $"token {row / Used}, slot {row % Used}, expert {Ids[row]} with {here} token{(here == 1 ? "" : "s")}{(MatrixOf(row) < 0 ? ", elsewhere" : "")}";
    }

    /// <summary>
    /// The cases that experts get wrong: every number of tokens about the widths of tiles, all tokens to one expert, few tokens for the
    /// last one, experts that nobody chose, experts whose weights are on another device.
    /// </summary>
    public static IEnumerable<ExpertRows> All(Random random)
    {
        yield return OfCounts(random, "0 to 33 tokens per expert", 64, 3, [0, 1, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 0, 3, 2]);
        yield return OfCounts(random, "127 to 129 tokens per expert", 129, 3, [127, 0, 128, 129, 3]);
        yield return OfCounts(random, "all 20 tokens to one expert", 20, 1, [0, 0, 20, 0]) with { Spare = 3 };
        yield return OfCounts(random, "3 tokens, all to the last expert", 3, 1, [0, 0, 0, 3]);
        yield return OfCounts(random, "2 tokens, all to the last expert", 2, 1, [0, 0, 2]);
        yield return OfCounts(random, "all 5 tokens to all experts", 5, 4, [5, 5, 5, 5]) with { Spare = 9 };
        yield return OfCounts(random, "one token", 1, 4, [0, 1, 0, 1, 1, 0, 0, 1]);
        yield return Random(random, "4 of 12 experts are here, from the 6th on", 11, 3, all: 12, here: 4, first: 5);
        yield return Random(random, "the last 3 of 12 experts are here", 17, 4, all: 12, here: 3, first: 9);
        yield return new ExpertRows("none of the experts is here", 2, 2, 3, 5, [0, 4, 8, 11], Spare: 1);
    }

    private static ExpertRows Random(Random random, string name, int tokens, int used, int all, int here, int first) =>
        new(name, tokens, used, here, first, [.. Enumerable.Range(0, tokens).SelectMany(_ => RandomData.Permutation(random, all)[..used])]);

    private static ExpertRows OfCounts(Random random, string name, int tokens, int used, int[] counts)
    {
        // One more expert takes what is missing to the same number of experts for every token.
        int missing = (tokens * used) - counts.Sum();
        int[] all = missing == 0 ? counts : [missing, .. counts];
        // Dealt out in turn, no token gets an expert twice, as no expert has more rows than there are tokens.
        List<int>[] dealt = [.. Enumerable.Range(0, tokens).Select(_ => new List<int>())];
        int next = 0;
        for (int expert = 0; expert < all.Length; expert++)
        {
            for (int i = 0; i < all[expert]; i++)
                dealt[next++ % tokens].Add(expert);
        }

        random.Shuffle(dealt);
        foreach (List<int> slots in dealt)
            random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(slots));
        return new ExpertRows(name, tokens, used, all.Length, 0, [.. dealt.SelectMany(slots => slots)]);
    }
}
