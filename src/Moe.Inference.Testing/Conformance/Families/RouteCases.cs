using System.Globalization;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// The choice of experts. Ids must be right, in descending order, ties to the lower expert; only where two experts' ranks differ by less
/// than float32 can tell (the sum of both bounds) may they change places, and never where their logits and biases are equal, as equal
/// numbers give equal ranks. Bounds: softmax over E experts (|x − max| + E + 16)·u·p, sigmoid 12·u·p, with a bias u·|rank| more; a weight
/// inherits its own and, when normalized, the others'.
/// </summary>
internal static class RouteCases
{
    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (RouterGate gate in Enum.GetValues<RouterGate>())
        {
            foreach (bool normalize in (bool[])[true, false])
            {
                foreach (bool bias in (bool[])[false, true])
                {
                    foreach ((int tokens, int experts, int used) in ((int, int, int)[])[(1, 8, 2), (5, 8, 8), (33, 60, 4), (129, 128, 8), (9, 5, 1), (1, 1, 1), (2, 256, 6)])
                    {
                        RouteOp operation = new(used, gate, normalize, bias ? 2.5f : 1);
                        yield return Case(random, operation, tokens, experts, bias, "", () => 2 * RandomData.Gaussian(random, 1)[0]);
                        yield return Case(random, operation, tokens, experts, bias, ", many ties", () => random.Next(-2, 3) * 0.5f);
                        yield return Case(random, operation, tokens, experts, bias, ", all equal", () => 0.75f);
                        yield return Case(random, operation, tokens, experts, bias, ", great logits", () => 30 * RandomData.Gaussian(random, 1)[0]);
                    }
                }
            }
        }
    }

    private static ConformanceCase Case(Random random, RouteOp operation, int tokens, int experts, bool bias, string special, Func<float> logit)
    {
        float[] logits = new float[tokens * experts];
        for (int i = 0; i < logits.Length; i++)
            logits[i] = logit();
        float[]? biases = bias ? [.. Enumerable.Range(0, experts).Select(_ => random.Next(3) * 0.125f)] : null;
        string name = $"{operation.Gate}, {operation.Used} of {experts} experts{(operation.Normalize ? ", normalized" : "")}{(bias ? ", bias and scale" : "")}{special}, {tokens} tokens";
        CaseBuilder builder = CaseBuilder.OfTokens(name, tokens, spare: tokens % 3).Input("logits", RowCount.Tokens, experts, logits);
        if (biases is not null)
            builder.Weight("bias", EncodedMatrix.Of(ElementType.F32, experts, biases));
        Gates[] gates = [.. Enumerable.Range(0, tokens).Select(token => new Gates(operation, logits[(token * experts)..((token + 1) * experts)], biases))];
        return builder.Expect(operation, result => Check(result, operation, gates));
    }

    private static Mismatch? Check(RunResult result, RouteOp operation, Gates[] gates)
    {
        int used = operation.Used;
        ExpectedFloats weights = new(gates.Length, used, output: 1);
        for (int token = 0; token < gates.Length; token++)
        {
            int[] ids = result.Integers(0).Slice(token * used, used).ToArray();
            if (gates[token].CheckIds(ids) is { } wrong)
                return wrong with { Element = $"output 0, row {token}, {wrong.Element}" };
            for (int slot = 0; slot < used; slot++)
                weights.Set(token, slot, gates[token].Weight(ids, slot));
        }

        return weights.Check(result);
    }

    /// <summary>One token's probabilities.</summary>
    private sealed class Gates
    {
        private readonly RouteOp _operation;
        private readonly float[] _logits;
        private readonly float[]? _biases;
        private readonly double[] _gates;
        private readonly double[] _bounds;
        private readonly int[] _order;

        public Gates(RouteOp operation, float[] logits, float[]? biases)
        {
            (_operation, _logits, _biases) = (operation, logits, biases);
            bool softmax = operation.Gate == RouterGate.Softmax;
            double greatest = logits.Max();
            double total = logits.Sum(x => Math.Exp(x - greatest));
            _gates = [.. logits.Select(x => softmax ? Math.Exp(x - greatest) / total : 1 / (1 + Math.Exp(-x)))];
            _bounds = [.. logits.Select((x, i) => ((softmax ? greatest - x + logits.Length + 16 : Rounding.ExpUnits + 4) * Rounding.Unit * _gates[i]) + Rounding.Smallest)];
            _order = [.. Enumerable.Range(0, logits.Length).OrderByDescending(Rank).ThenBy(i => i)];
        }

        public Mismatch? CheckIds(int[] ids)
        {
            for (int slot = 0; slot < ids.Length; slot++)
            {
                int wanted = _order[slot];
                if (ids[slot] == wanted)
                    continue;
                string expected = string.Create(CultureInfo.InvariantCulture, $"expert {wanted} of rank {Rank(wanted):g9}");
                string found = ids[slot] == -1 ? "nothing written"
                    : (uint)ids[slot] >= _logits.Length ? $"expert {ids[slot]}, which does not exist"
                    : string.Create(CultureInfo.InvariantCulture, $"expert {ids[slot]} of rank {Rank(ids[slot]):g9}");
                if ((uint)ids[slot] >= _logits.Length || Array.IndexOf(ids, ids[slot]) < slot || !IsNearTie(ids[slot], wanted))
                    return new Mismatch($"column {slot}", expected, found);
            }

            return null;
        }

        public (double Value, double Bound) Weight(int[] ids, int slot)
        {
            double sum = _operation.Normalize ? ids.Sum(id => _gates[id]) : 1;
            double value = _gates[ids[slot]] * _operation.Scale / sum;
            double relative = (_bounds[ids[slot]] / _gates[ids[slot]]) + (_operation.Normalize ? ids.Sum(id => _bounds[id]) / sum : 0) + ((ids.Length + 4) * Rounding.Unit);
            return (value, (value * relative) + Rounding.Smallest);
        }

        private double Rank(int expert) => _gates[expert] + (_biases?[expert] ?? 0);

        private double RankBound(int expert) => _bounds[expert] + (_biases is null ? 0 : Rounding.Unit * Math.Abs(Rank(expert)));

        private bool IsNearTie(int a, int b) =>
            (_logits[a] != _logits[b] || _biases?[a] != _biases?[b]) && Math.Abs(Rank(a) - Rank(b)) <= RankBound(a) + RankBound(b);
    }
}
