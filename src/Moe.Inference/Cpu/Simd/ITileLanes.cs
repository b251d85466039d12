namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// The instructions of the tiles for many tokens. A vector has one 32-bit lane per weight row; a lane of codes is four consecutive codes of
/// that row, and activations are four consecutive codes of one token, repeated in every lane.
/// </summary>
/// <typeparam name="V">Vector of ints; floats and shorts are kept in the same type, bit by bit.</typeparam>
internal unsafe interface ITileLanes<V> : ITileShape
    where V : struct
{
    /// <summary>Reads one vector.</summary>
    static abstract V Load(void* p);

    /// <summary>Writes one vector.</summary>
    static abstract void Store(V value, void* p);

    /// <summary>The number in every lane.</summary>
    static abstract V Broadcast(int value);

    /// <summary>Adds the products of four codes and four activations per lane to the sums.</summary>
    static abstract V AddProducts(V sums, V codes, V activations);

    /// <summary>Adds sums of products to 32-bit totals.</summary>
    static abstract V AddSums(V totals, V sums);

    /// <summary>Adds sums of products times a scale to 32-bit totals; a scale is repeated in both halves of a lane where sums are short.</summary>
    static abstract V AddScaled(V totals, V sums, V scales);

    /// <summary>Per lane: adds the products of the two shorts of a with those of b.</summary>
    static abstract V AddPairs(V totals, V a, V b);

    /// <summary>a − b as ints.</summary>
    static abstract V Subtract(V a, V b);

    /// <summary>Ints to floats.</summary>
    static abstract V ToSingle(V value);

    /// <summary>a·b as floats.</summary>
    static abstract V Multiply(V a, V b);

    /// <summary>a·b + c as floats, rounded once.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>c − a·b as floats, rounded once.</summary>
    static abstract V MultiplyAddNegated(V a, V b, V c);
}
