namespace Moe.Inference.Tensors;

/// <summary>The sizes of an element type: how many elements share a block, and how many bytes a block and a row take.</summary>
/// <param name="Type">The element type.</param>
/// <param name="BlockLength">Elements in one block; 1 for plain numbers. A row holds whole blocks.</param>
/// <param name="BlockBytes">Bytes of one block.</param>
/// <param name="RowHeaderBytes">Bytes before the first block of each row (a row scale), 0 for most types.</param>
public readonly record struct ElementLayout(ElementType Type, int BlockLength, int BlockBytes, int RowHeaderBytes)
{
    private static readonly Dictionary<ElementType, ElementLayout> All = Table().ToDictionary(layout => layout.Type);

    /// <summary>The types whose sizes are known.</summary>
    public static IReadOnlyCollection<ElementType> KnownTypes => All.Keys;

    /// <summary>Looks up the sizes of a type.</summary>
    /// <returns>False for a number that is no known type.</returns>
    public static bool TryGet(ElementType type, out ElementLayout layout) => All.TryGetValue(type, out layout);

    /// <summary>The sizes of a known type.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is no known type.</exception>
    public static ElementLayout Of(ElementType type) =>
        All.TryGetValue(type, out ElementLayout layout) ? layout : throw new ArgumentOutOfRangeException(nameof(type), type, "unknown element type");

    /// <summary>Bytes of one row.</summary>
    /// <param name="elements">Elements in the row, a multiple of <see cref="BlockLength"/>.</param>
    /// <exception cref="ArgumentException">The row does not hold whole blocks.</exception>
    /// <exception cref="OverflowException">The row's size does not fit 63 bits.</exception>
    public long RowBytes(long elements) =>
        elements % BlockLength == 0
            ? checked(RowHeaderBytes + (elements / BlockLength * BlockBytes))
            : throw new ArgumentException($"a row of {elements} elements does not hold whole blocks of {BlockLength} ({Type})", nameof(elements));

    private static ElementLayout[] Table() =>
    [
        new(ElementType.F32, 1, 4, 0),
        new(ElementType.F16, 1, 2, 0),
        new(ElementType.Q4_0, 32, 18, 0),
        new(ElementType.Q4_1, 32, 20, 0),
        new(ElementType.Q5_0, 32, 22, 0),
        new(ElementType.Q5_1, 32, 24, 0),
        new(ElementType.Q8_0, 32, 34, 0),
        new(ElementType.Q8_1, 32, 36, 0),
        new(ElementType.Q2_K, 256, 84, 0),
        new(ElementType.Q3_K, 256, 110, 0),
        new(ElementType.Q4_K, 256, 144, 0),
        new(ElementType.Q5_K, 256, 176, 0),
        new(ElementType.Q6_K, 256, 210, 0),
        new(ElementType.Q8_K, 256, 292, 0),
        new(ElementType.IQ2_XXS, 256, 66, 0),
        new(ElementType.IQ2_XS, 256, 74, 0),
        new(ElementType.IQ3_XXS, 256, 98, 0),
        new(ElementType.IQ1_S, 256, 50, 0),
        new(ElementType.IQ4_NL, 32, 18, 0),
        new(ElementType.IQ3_S, 256, 110, 0),
        new(ElementType.IQ2_S, 256, 82, 0),
        new(ElementType.IQ4_XS, 256, 136, 0),
        new(ElementType.I8, 1, 1, 0),
        new(ElementType.I16, 1, 2, 0),
        new(ElementType.I32, 1, 4, 0),
        new(ElementType.I64, 1, 8, 0),
        new(ElementType.F64, 1, 8, 0),
        new(ElementType.IQ1_M, 256, 56, 0),
        new(ElementType.BF16, 1, 2, 0),
        new(ElementType.TQ1_0, 256, 54, 0),
        new(ElementType.TQ2_0, 256, 66, 0),
        new(ElementType.MXFP4, 32, 17, 0),
        new(ElementType.Q6_0, 32, 26, 0),
        new(ElementType.IQ2_K, 256, 76, 0),
        new(ElementType.IQ3_K, 256, 110, 0),
        new(ElementType.IQ4_K, 256, 144, 0),
        new(ElementType.IQ5_K, 256, 176, 0),
        new(ElementType.IQ6_K, 256, 212, 0),
        new(ElementType.IQ4_KS, 256, 136, 4),
        new(ElementType.IQ2_KS, 256, 70, 2),
        new(ElementType.IQ4_KSS, 256, 128, 4),
        new(ElementType.IQ5_KS, 256, 168, 4),
        new(ElementType.IQ2_KT, 256, 68, 4),
        new(ElementType.IQ3_KT, 256, 100, 4),
        new(ElementType.IQ4_KT, 256, 128, 4),
        new(ElementType.IQ3_KS, 256, 102, 2),
        new(ElementType.IQ2_KL, 256, 86, 2),
        new(ElementType.IQ1_KT, 256, 56, 4),
    ];
}
