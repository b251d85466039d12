using Moe.Inference.Quantization;

namespace Moe.Inference.Cpu.Simd;

/// <summary>Float arithmetic on one vector width.</summary>
/// <typeparam name="V">The vector.</typeparam>
internal unsafe interface IFloatLanes<V>
    where V : struct
{
    /// <summary>Lanes in a vector.</summary>
    static abstract int Count { get; }

    /// <summary>How many tokens to take at once with four rows, by the number of registers.</summary>
    static abstract int Tokens { get; }

    /// <summary>Widens <see cref="Count"/> elements.</summary>
    static abstract V Load<T>(byte* p)
        where T : struct, IFloatElement<T>;

    /// <summary>Writes a vector.</summary>
    static abstract void Store(V value, float* p);

    /// <summary>The number in every lane.</summary>
    static abstract V Broadcast(float value);

    /// <summary>a + b.</summary>
    static abstract V Add(V a, V b);

    /// <summary>a·b.</summary>
    static abstract V Multiply(V a, V b);

    /// <summary>a/b.</summary>
    static abstract V Divide(V a, V b);

    /// <summary>a·b + c, rounded once where the machine can.</summary>
    static abstract V MultiplyAdd(V a, V b, V c);

    /// <summary>The greater, lane by lane; b where one is NaN.</summary>
    static abstract V Max(V a, V b);

    /// <summary>The lesser, lane by lane; b where one is NaN.</summary>
    static abstract V Min(V a, V b);

    /// <summary>Nearest integers, ties to even.</summary>
    static abstract V Round(V value);

    /// <summary>2 to the power of integers within -126..127.</summary>
    static abstract V PowerOfTwo(V integers);

    /// <summary>The value, but 0 in lanes where a &lt; b.</summary>
    static abstract V ZeroWhereLess(V a, V b, V value);

    /// <summary>The sum of the lanes, halves added to halves.</summary>
    static abstract float Sum(V value);

    /// <summary>The greatest lane.</summary>
    static abstract float MaxLane(V value);
}
