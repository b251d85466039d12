using System.Runtime.CompilerServices;

namespace Moe.Inference.Cpu.Simd;

/// <summary>One number for each row of a tile, against one token: two vectors.</summary>
/// <typeparam name="V">The vector.</typeparam>
/// <typeparam name="L">Its arithmetic.</typeparam>
internal unsafe struct RowPair<V, L>
    where V : struct
    where L : struct, ITileLanes<V>
{
    /// <summary>The first half of the rows.</summary>
    public V First;

    /// <summary>The second half of the rows.</summary>
    public V Second;

    /// <summary>Both halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public RowPair(V first, V second)
    {
        First = first;
        Second = second;
    }

    /// <summary>Reads the numbers of all rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<V, L> Load(void* p) => new(L.Load(p), L.Load((uint*)p + L.Count));

    /// <summary>Writes the numbers of all rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Store(void* p)
    {
        L.Store(First, p);
        L.Store(Second, (uint*)p + L.Count);
    }

    /// <summary>Adds products of four codes of each row with four activations.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> AddProducts(RowPair<V, L> codes, int activations)
    {
        V repeated = L.Broadcast(activations);
        return new(L.AddProducts(First, codes.First, repeated), L.AddProducts(Second, codes.Second, repeated));
    }

    /// <summary>Adds sums of products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> AddSums(RowPair<V, L> sums) => new(L.AddSums(First, sums.First), L.AddSums(Second, sums.Second));

    /// <summary>Adds sums of products times the scale of each row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> AddScaled(RowPair<V, L> sums, RowPair<V, L> scales) =>
        new(L.AddScaled(First, sums.First, scales.First), L.AddScaled(Second, sums.Second, scales.Second));

    /// <summary>Adds products of two shorts of each row with two shorts of the token.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> AddPairs(RowPair<V, L> shorts, int pair)
    {
        V repeated = L.Broadcast(pair);
        return new(L.AddPairs(First, shorts.First, repeated), L.AddPairs(Second, shorts.Second, repeated));
    }

    /// <summary>Takes ints away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> Subtract(RowPair<V, L> other) => new(L.Subtract(First, other.First), L.Subtract(Second, other.Second));

    /// <summary>Ints to floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> ToSingle() => new(L.ToSingle(First), L.ToSingle(Second));

    /// <summary>Products of floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> Multiply(RowPair<V, L> other) => new(L.Multiply(First, other.First), L.Multiply(Second, other.Second));

    /// <summary>this·other + addend as floats, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> MultiplyAdd(RowPair<V, L> other, RowPair<V, L> addend) =>
        new(L.MultiplyAdd(First, other.First, addend.First), L.MultiplyAdd(Second, other.Second, addend.Second));

    /// <summary>minuend − this·other as floats, rounded once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly RowPair<V, L> MultiplySubtractFrom(RowPair<V, L> other, RowPair<V, L> minuend) =>
        new(L.MultiplyAddNegated(First, other.First, minuend.First), L.MultiplyAddNegated(Second, other.Second, minuend.Second));

    /// <summary>The same bits for every row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<V, L> Broadcast(int bits)
    {
        V repeated = L.Broadcast(bits);
        return new(repeated, repeated);
    }

    /// <summary>The same float for every row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static RowPair<V, L> Broadcast(float value) => Broadcast(BitConverter.SingleToInt32Bits(value));
}
