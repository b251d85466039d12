using Moe.Inference.Architectures;
using Moe.Inference.Gguf;
using Moe.Inference.Graph;

namespace Moe.Inference;

/// <summary>What can be known of a model without its weights: enough to plan it and to say, byte by byte, what it would take. Immutable.</summary>
public sealed class ModelOutline
{
    private ModelOutline(string name, Hyperparameters shape, ModelGraph graph)
    {
        Name = name;
        Shape = shape;
        Graph = graph;
        Weights = [.. graph.Nodes.SelectMany(node => node.Weights).Distinct()];
    }

    /// <summary>The model's name.</summary>
    public string Name { get; }

    /// <summary>The model's numbers.</summary>
    public Hyperparameters Shape { get; }

    /// <summary>The computation, as its architecture builds it.</summary>
    public ModelGraph Graph { get; }

    /// <summary>The tensors, each once, in the order of their first use.</summary>
    public IReadOnlyList<Weight> Weights { get; }

    /// <summary>Bytes of all weights.</summary>
    public long WeightBytes => Weights.Sum(weight => weight.ByteLength);

    /// <summary>Reads the headers of a file, and no weights.</summary>
    /// <param name="path">A GGUF file, or any part of a split one.</param>
    /// <exception cref="FileNotFoundException">There is no such file.</exception>
    /// <exception cref="GgufFormatException">The file is damaged.</exception>
    /// <exception cref="UnsupportedModelException">The file is sound, but this version cannot run its model.</exception>
    public static ModelOutline Read(string path)
    {
        using GgufFile file = GgufFile.Open(path);
        return Read(file);
    }

    /// <summary>Describes a model that need not exist.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="shape">Its numbers.</param>
    /// <param name="tensors">Its tensors, named as in a file.</param>
    /// <exception cref="UnsupportedModelException">The family is unknown, or tensors are missing, misshapen or left over.</exception>
    public static ModelOutline Create(string name, Hyperparameters shape, IEnumerable<Weight> tensors)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(tensors);
        return new ModelOutline(name, shape, ArchitectureTable.Build(name, tensors.Select(Entry), shape));
    }

    internal static ModelOutline Read(GgufFile file)
    {
        ArchitectureTable.Require(file.Metadata.GetString("general.architecture"));
        Hyperparameters shape = Hyperparameters.Read(file.Metadata);
        string name = file.Metadata.GetString("general.name", null) ?? Path.GetFileNameWithoutExtension(file.Path);
        return new ModelOutline(name, shape, ArchitectureTable.Build(file, shape));
    }

    private static GgufTensor Entry(Weight weight) => new(
        weight.Name, weight.Type, weight.IsVector ? [weight.Width] : [weight.Width, weight.RowsPerSlice, weight.Slices], part: 0, indexInPart: 0, offset: 0);
}
