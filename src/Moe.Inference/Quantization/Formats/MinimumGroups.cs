namespace Moe.Inference.Quantization;

/// <summary>Encodes what Q4_K and Q5_K share: groups of 32 with a scale and a minimum, both 6-bit multiples of the block's halves.</summary>
internal static unsafe class MinimumGroups
{
    private const int Groups = 8, GroupLength = 32, MaxScale = 63;

    /// <summary>Quantizes 256 weights.</summary>
    /// <param name="x">The weights.</param>
    /// <param name="maxCode">The greatest code.</param>
    /// <param name="header">Receives d and m.</param>
    /// <param name="packedScales">Receives the 12 bytes of <see cref="KScales"/>.</param>
    /// <param name="codes">Receives 256 codes, one per byte.</param>
    public static void Encode(float* x, int maxCode, ushort* header, byte* packedScales, byte* codes)
    {
        Span<float> scale = stackalloc float[Groups];
        Span<float> minimum = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++)
            (scale[group], minimum[group]) = Fit(new ReadOnlySpan<float>(x + (group * GroupLength), GroupLength), maxCode);

        header[0] = HalfBits.FromSingle(GroupFit.Extreme(scale) / MaxScale);
        header[1] = HalfBits.FromSingle(GroupFit.Extreme(minimum) / MaxScale);
        float d = HalfBits.ToSingle(header[0]), m = HalfBits.ToSingle(header[1]);

        Span<int> scaleCodes = stackalloc int[Groups];
        Span<int> minimumCodes = stackalloc int[Groups];
        for (int group = 0; group < Groups; group++)
        {
            scaleCodes[group] = d == 0 ? 0 : GroupFit.Code(scale[group] / d, MaxScale);
            minimumCodes[group] = m == 0 ? 0 : GroupFit.Code(minimum[group] / m, MaxScale);
            float step = d * scaleCodes[group], inverse = step == 0 ? 0 : 1 / step, offset = m * minimumCodes[group];
            for (int i = group * GroupLength; i < (group + 1) * GroupLength; i++)
                codes[i] = (byte)GroupFit.Code((x[i] + offset) * inverse, maxCode);
        }
        KScales.Store(scaleCodes, minimumCodes, packedScales);
    }

    // The range of the group; 0 is always in it, since minimums are not negative.
    private static (float Scale, float Minimum) Fit(ReadOnlySpan<float> x, int maxCode)
    {
        float low = 0, high = 0;
        foreach (float value in x)
        {
            low = MathF.Min(low, value);
            high = MathF.Max(high, value);
        }
        return ((high - low) / maxCode, -low);
    }
}
