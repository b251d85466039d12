using System.Globalization;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Quantization;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing.Conformance.Families;

/// <summary>
/// Keys and values in their slots, rounded as <see cref="Rounding.Stored"/> allows; every other byte of the memory as before. Types
/// without a bound are left out.
/// </summary>
internal static class KvStoreCases
{
    private const int Page = 64;

    public static IEnumerable<ConformanceCase> All(ConformanceOptions options)
    {
        Random random = new(options.Seed);
        foreach (ElementType type in options.KvTypes.Where(type => Rounding.Stored(type, 0, 0) is not null))
        {
            foreach ((int heads, int keyWidth, int valueWidth) in ((int, int, int)[])[(2, 32, 32), (1, 128, 64), (3, 64, 96), (2, 7, 5)])
            {
                if (keyWidth % ElementLayout.Of(type).BlockLength != 0)
                    continue;
                KvLayer layer = new(0, heads, keyWidth, valueWidth);
                yield return Case(random, layer, type, "one token at a page's end", [(3 * Page) - 1], 1);
                yield return Case(random, layer, type, "page edges", [0, Page - 1, Page, (4 * Page) - 1, 2 * Page, Page + 1], 1);
                yield return Case(random, layer, type, "129 tokens in scattered slots", RandomData.Permutation(random, 4 * Page)[..129], 1);
                yield return Case(random, layer, type, "small numbers", RandomData.Permutation(random, 4 * Page)[..9], 1e-6f);
                yield return Case(random, layer, type, "great numbers", RandomData.Permutation(random, 4 * Page)[..9], 1e4f);
            }
        }
    }

    private static ConformanceCase Case(Random random, KvLayer layer, ElementType type, string special, int[] slots, float scale)
    {
        const int Pages = 4;
        float[] keys = [.. RandomData.Gaussian(random, slots.Length * layer.KeyRow).Select(x => x * scale)];
        float[] values = [.. RandomData.Gaussian(random, slots.Length * layer.ValueRow).Select(x => x * scale)];
        int rows = Pages * Page * layer.Heads;
        KvImage before = new(
            layer,
            type,
            Page,
            EncodedMatrix.Random(type, layer.KeyWidth, rows, random).Bytes,
            EncodedMatrix.Random(type, layer.ValueWidth, rows, random).Bytes);
        return CaseBuilder.OfTokens($"{type}, {layer.Heads} heads of {layer.KeyWidth} and {layer.ValueWidth}, {special}", slots.Length, spare: slots.Length % 2 * 3)
            .Input("keys", RowCount.Tokens, layer.KeyRow, keys)
            .Input("values", RowCount.Tokens, layer.ValueRow, values)
            .Input("slots", RowCount.Tokens, 1, slots)
            .Expect(
                new KvStoreOp(),
                result => Check("keys", layer.Heads, slots, Exactly(keys), before, before.Keys, result.Keys!)
                    ?? Check("values", layer.Heads, slots, Exactly(values), before, before.Values, result.Values!),
                kv: before)
            with
        { WritesKv = true };
    }

    /// <summary>Rows that are known exactly.</summary>
    public static (double Value, double Bound)[] Exactly(float[] data) => [.. data.Select(x => ((double)x, 0.0))];

    /// <summary>Finds the first wrong element of one half of the memory.</summary>
    /// <param name="half">Its name.</param>
    /// <param name="heads">Heads.</param>
    /// <param name="slots">The slot of each token.</param>
    /// <param name="data">What each token's row must hold, and what it may be off before it is stored.</param>
    /// <param name="image">The memory's element type and page length.</param>
    /// <param name="before">The half before.</param>
    /// <param name="after">The half after.</param>
    public static Mismatch? Check(string half, int heads, int[] slots, (double Value, double Bound)[] data, KvImage image, byte[] before, byte[] after)
    {
        int width = data.Length / (slots.Length * heads);
        int rowBytes = (int)ElementLayout.Of(image.Type).RowBytes(width);
        float[] decoded = new float[width];
        for (int row = 0; row < after.Length / rowBytes; row++)
        {
            int page = row / (heads * image.PageLength), head = row / image.PageLength % heads, slot = (page * image.PageLength) + (row % image.PageLength);
            int token = Array.IndexOf(slots, slot);
            string place = $"{half}, page {page}, head {head}, place {slot % image.PageLength}";
            Span<byte> stored = after.AsSpan(row * rowBytes, rowBytes);
            if (token < 0)
            {
                int same = stored.CommonPrefixLength(before.AsSpan(row * rowBytes, rowBytes));
                if (same < rowBytes)
                    return new Mismatch($"{place}, which is no token's slot", $"byte {same} as before", "another byte");
                continue;
            }

            QuantFormats.Of(image.Type).Decode(stored, decoded);
            if (CheckRow(image.Type, data.AsSpan(((token * heads) + head) * width, width), decoded) is { } wrong)
                return wrong with { Element = $"{place} (token {token}), {wrong.Element}" };
        }

        return null;
    }

    private static Mismatch? CheckRow(ElementType type, ReadOnlySpan<(double Value, double Bound)> wanted, float[] found)
    {
        int block = ElementLayout.Of(type).BlockLength;
        for (int i = 0; i < found.Length; i++)
        {
            double greatest = 0;
            for (int j = i / block * block; j < ((i / block) + 1) * block; j++)
                greatest = Math.Max(greatest, Math.Abs(wanted[j].Value) + wanted[j].Bound);
            double bound = Rounding.Stored(type, Math.Abs(wanted[i].Value) + wanted[i].Bound, greatest)!.Value + wanted[i].Bound;
            if (!(Math.Abs(found[i] - wanted[i].Value) <= bound))
                return new Mismatch($"column {i}", string.Create(CultureInfo.InvariantCulture, $"{wanted[i].Value:g9} ± {bound:g3}"), found[i].ToString("g9", CultureInfo.InvariantCulture));
        }

        return null;
    }
}
