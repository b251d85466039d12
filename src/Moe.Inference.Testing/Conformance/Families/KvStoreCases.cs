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
                result => Check("keys", type, layer.Heads, layer.KeyWidth, slots, keys, before.Keys, result.Keys!)
                    ?? Check("values", type, layer.Heads, layer.ValueWidth, slots, values, before.Values, result.Values!),
                kv: before)
            with
        { WritesKv = true };
    }

    private static Mismatch? Check(string half, ElementType type, int heads, int width, int[] slots, float[] data, byte[] before, byte[] after)
    {
        int rowBytes = (int)ElementLayout.Of(type).RowBytes(width);
        float[] decoded = new float[width];
        for (int row = 0; row < after.Length / rowBytes; row++)
        {
            int page = row / (heads * Page), head = row / Page % heads, slot = (page * Page) + (row % Page);
            int token = Array.IndexOf(slots, slot);
            string place = $"{half}, page {page}, head {head}, place {slot % Page}";
            Span<byte> stored = after.AsSpan(row * rowBytes, rowBytes);
            if (token < 0)
            {
                int same = stored.CommonPrefixLength(before.AsSpan(row * rowBytes, rowBytes));
                if (same < rowBytes)
                    return new Mismatch($"{place}, which is no token's slot", $"byte {same} as before", "another byte");
                continue;
            }

            QuantFormats.Of(type).Decode(stored, decoded);
            if (CheckRow(type, data.AsSpan(((token * heads) + head) * width, width), decoded) is { } wrong)
                return wrong with { Element = $"{place} (token {token}), {wrong.Element}" };
        }

        return null;
    }

    private static Mismatch? CheckRow(ElementType type, ReadOnlySpan<float> wanted, float[] found)
    {
        int block = ElementLayout.Of(type).BlockLength;
        for (int i = 0; i < found.Length; i++)
        {
            double greatest = 0;
            for (int j = i / block * block; j < ((i / block) + 1) * block; j++)
                greatest = Math.Max(greatest, Math.Abs(wanted[j]));
            double bound = Rounding.Stored(type, wanted[i], greatest)!.Value;
            if (!(Math.Abs(found[i] - wanted[i]) <= bound))
                return new Mismatch($"column {i}", string.Create(CultureInfo.InvariantCulture, $"{wanted[i]:g9} ± {bound:g3}"), found[i].ToString("g9", CultureInfo.InvariantCulture));
        }

        return null;
    }
}
