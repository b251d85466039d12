using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// How kernels take weights of one element type. The table here is the one list of types that CUDA takes: a new format is a struct in
/// <c>Kernels/formats</c> and one line here.
/// </summary>
/// <param name="Type">The element type, whose name is that of the struct.</param>
/// <param name="ActivationBlock">Activations that share a scale where they are rounded to 8 bits; 0 for plain numbers, where they never are.</param>
/// <param name="ScaleGroup">Weights that share an integer scale, or the block's own; 0 for plain numbers.</param>
/// <param name="HasMinimums">Whether groups have minimums besides.</param>
internal sealed record WeightFormat(ElementType Type, int ActivationBlock, int ScaleGroup = 0, bool HasMinimums = false)
{
    private const int SuperBlock = 256, SmallBlock = 32;

    private static readonly Dictionary<ElementType, WeightFormat> All = new WeightFormat[]
    {
        new(ElementType.F32, 0),
        new(ElementType.F16, 0),
        new(ElementType.BF16, 0),
        new(ElementType.Q4_0, SmallBlock, 32),
        new(ElementType.Q8_0, SmallBlock, 32),
        new(ElementType.Q4_K, SuperBlock, 32, HasMinimums: true),
        new(ElementType.Q5_K, SuperBlock, 32, HasMinimums: true),
        new(ElementType.Q6_K, SuperBlock, 16),
        new(ElementType.IQ4_XS, SuperBlock, 32),
        new(ElementType.IQ5_K, SuperBlock, 32, HasMinimums: true),
    }.ToDictionary(format => format.Type);

    /// <summary>The types that are taken.</summary>
    public static IReadOnlyCollection<ElementType> Types => All.Keys;

    /// <summary>Whether weights are blocks with scales, and not plain numbers.</summary>
    public bool IsBlock => ActivationBlock > 0;

    /// <summary>What a module for this format is compiled with: the name of the struct, and whether products are of floats.</summary>
    /// <param name="rounds">See <see cref="Rounds"/>.</param>
    public string DefineFor(bool rounds) => $"{Define} EXACT={(rounds ? 0 : 1)}";

    /// <summary>The name of the struct, as a definition.</summary>
    public string Define => $"FORMAT={Type}";

    /// <summary>The format of a weight that was not refused.</summary>
    public static WeightFormat Of(Weight weight) => Of(weight.Type);

    /// <summary>The format of a type that is taken.</summary>
    public static WeightFormat Of(ElementType type) => All[type];

    /// <summary>Why a weight is not taken, or null.</summary>
    public static string? Refuses(Weight weight) => All.ContainsKey(weight.Type)
        ? null
        : $"'{weight.Name}' is {weight.Type}; CUDA kernels take {string.Join(", ", All.Keys.Order())}";

    /// <summary>Why one of a node's weights is not taken, or null.</summary>
    public static string? Refuses(IEnumerable<Weight> weights) => weights.Select(Refuses).FirstOrDefault(reason => reason is not null);

    /// <summary>Whether products with these weights round activations to 8 bits; rows too wide to be kept so are multiplied as floats.</summary>
    /// <param name="exact">Whether rounding is not allowed.</param>
    /// <param name="width">Weights of a row.</param>
    public bool Rounds(bool exact, int width) => IsBlock && !exact && width <= StreamMemory.WidestRow;
}
