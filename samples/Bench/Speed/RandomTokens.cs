using Moe.Inference.Sampling;

namespace Moe.Inference.Bench.Speed;

/// <summary>Random tokens, which differ from run to run, so that nothing is found in memory.</summary>
internal sealed class RandomTokens(Model model, ulong seed)
{
    private readonly int _vocabulary = model.Tokenizer.VocabularySize;
    private Xoshiro256 _random = new(seed);

    /// <summary>The next ones.</summary>
    public int[] Take(int count)
    {
        int[] tokens = new int[count];
        for (int i = 0; i < count; i++)
            tokens[i] = (int)(_random.Next() % (ulong)_vocabulary);
        return tokens;
    }
}
