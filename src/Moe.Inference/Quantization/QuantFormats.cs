using System.Collections.Frozen;
using Moe.Inference.Tensors;

namespace Moe.Inference.Quantization;

/// <summary>The table of element types that can be decoded and multiplied with. A new format is its own file and one line here.</summary>
public static class QuantFormats
{
    private static readonly FrozenDictionary<ElementType, QuantFormat> All = new QuantFormat[]
    {
        new FloatFormat<F32>(),
        new FloatFormat<F16>(),
        new FloatFormat<BF16>(),
        new SmallFormat<Q4_0>(),
        new SmallFormat<Q8_0>(),
        new SuperFormat<Q4_K>(),
        new SuperFormat<Q5_K>(),
        new SuperFormat<Q6_K>(),
        new SuperFormat<IQ4_XS>(),
        new SuperFormat<IQ5_K>(),
    }.ToFrozenDictionary(format => format.Type);

    /// <summary>The types in the table.</summary>
    public static IReadOnlyCollection<ElementType> Types => All.Keys;

    /// <summary>Looks up a type.</summary>
    /// <returns>False if the type cannot be decoded.</returns>
    public static bool TryGet(ElementType type, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out QuantFormat? format) =>
        All.TryGetValue(type, out format);

    /// <summary>The format of a type.</summary>
    /// <exception cref="UnsupportedModelException">The type cannot be decoded.</exception>
    public static QuantFormat Of(ElementType type) =>
        All.TryGetValue(type, out QuantFormat? format)
            ? format
            : throw new UnsupportedModelException($"tensors of type {type} cannot be decoded; known types: {string.Join(", ", All.Keys.Order())}");
}
