using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

/// <summary>Every step of the sampler once more, as its definition reads: whole sorts, double precision, Math.Exp and Math.Log.</summary>
internal static class SamplingReference
{
    public readonly record struct Entry(int Id, double Logit);

    public static List<Entry> Load(IEnumerable<float> logits) =>
        logits.Select((logit, id) => new Entry(id, logit)).ToList();

    public static double[] Softmax(IReadOnlyList<Entry> entries)
    {
        double max = entries.Max(e => e.Logit);
        double[] weights = entries.Select(e => Math.Exp(e.Logit - max)).ToArray();
        double total = weights.Sum();
        return weights.Select(w => w / total).ToArray();
    }

    public static double[] LogSoftmax(IReadOnlyList<float> logits)
    {
        double max = logits.Max();
        double normalizer = max + Math.Log(logits.Sum(x => Math.Exp(x - max)));
        return logits.Select(x => x - normalizer).ToArray();
    }

    public static List<Entry> TopK(List<Entry> entries, int k) =>
        entries.Where(e => !double.IsNegativeInfinity(e.Logit)).OrderByDescending(e => e.Logit).ThenBy(e => e.Id).Take(k)
            .OrderBy(e => e.Id).ToList();

    public static List<Entry> TopP(List<Entry> entries, float p)
    {
        double[] probabilities = Softmax(entries);
        IEnumerable<int> order = Enumerable.Range(0, entries.Count).OrderByDescending(i => entries[i].Logit).ThenBy(i => entries[i].Id);
        return TakeMass(entries, probabilities, order, p);
    }

    public static List<Entry> Typical(List<Entry> entries, float p)
    {
        double[] probabilities = Softmax(entries);
        double entropy = -probabilities.Where(q => q > 0).Sum(q => q * Math.Log(q));
        IEnumerable<int> order = Enumerable.Range(0, entries.Count).Where(i => probabilities[i] > 0)
            .OrderBy(i => Math.Abs(-Math.Log(probabilities[i]) - entropy)).ThenBy(i => entries[i].Id);
        return TakeMass(entries, probabilities, order, p);
    }

    public static List<Entry> MinP(List<Entry> entries, float p)
    {
        double[] probabilities = Softmax(entries);
        double most = probabilities.Max();
        return entries.Where((_, i) => probabilities[i] >= p * most).ToList();
    }

    public static List<Entry> Temperature(List<Entry> entries, float t) => entries.Select(e => e with { Logit = e.Logit / t }).ToList();

    public static void Penalize(float[] logits, IReadOnlyList<int> tokens, SamplingOptions options)
    {
        int window = options.PenaltyWindow;
        IEnumerable<int> recent = window < 0 ? tokens : tokens.Skip(Math.Max(0, tokens.Count - window));
        foreach (IGrouping<int, int> group in recent.GroupBy(id => id))
        {
            double x = logits[group.Key];
            x = x > 0 ? x / options.RepetitionPenalty : x * options.RepetitionPenalty;
            logits[group.Key] = (float)(x - (group.Count() * options.FrequencyPenalty) - options.PresencePenalty);
        }
    }

    private static List<Entry> TakeMass(List<Entry> entries, double[] probabilities, IEnumerable<int> order, double p)
    {
        List<Entry> kept = [];
        double sum = 0;
        foreach (int i in order)
        {
            kept.Add(entries[i]);
            sum += probabilities[i];
            if (sum >= p)
                break;
        }
        return kept.OrderBy(e => e.Id).ToList();
    }
}

/// <summary>Random logits with the shapes that real ones have: nearly uniform, peaked, with ties, with forbidden tokens.</summary>
internal static class RandomLogits
{
    public static float[] Next(Random random, int length)
    {
        double scale = new[] { 0.1, 1, 3, 10, 40 }[random.Next(5)];
        double step = random.Next(3) == 0 ? scale / 4 : 0;
        double forbidden = random.Next(3) == 0 ? 0.3 : 0;
        float[] logits = new float[length];
        for (int i = 0; i < length; i++)
        {
            double x = Normal(random) * scale;
            logits[i] = random.NextDouble() < forbidden ? float.NegativeInfinity : (float)(step > 0 ? Math.Round(x / step) * step : x);
        }
        logits[random.Next(length)] = (float)scale;
        return logits;
    }

    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
