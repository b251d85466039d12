using Moe.Inference.Gguf;
using Moe.Inference.Graph;

namespace Moe.Inference.Architectures;

/// <summary>The model families that can be run, one line each.</summary>
public static class ArchitectureTable
{
    private static readonly Dictionary<string, Func<ModelBuild, ModelGraph>> Families = new(StringComparer.Ordinal)
    {
        ["llama"] = Llama.Build,
        ["qwen3"] = Qwen3.Build,
        ["qwen3moe"] = Qwen3Moe.Build,
    };

    /// <summary>The names of the families, as <c>general.architecture</c> gives them.</summary>
    public static IReadOnlyCollection<string> Names => Families.Keys;

    /// <summary>Builds the graph of a file's model.</summary>
    /// <param name="file">The file.</param>
    /// <param name="shape">The model's numbers, read from the file.</param>
    /// <exception cref="UnsupportedModelException">The family is unknown, or tensors are missing, misshapen or left over.</exception>
    public static ModelGraph Build(GgufFile file, Hyperparameters shape)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(shape);
        Require(shape.Architecture);
        WeightDirectory weights = new(file);
        ModelGraph graph = Families[shape.Architecture](new ModelBuild(shape, weights, new GraphBuilder()));
        weights.RefuseLeftovers(shape.Architecture);
        return graph;
    }

    /// <summary>Refuses a family that cannot be run.</summary>
    /// <exception cref="UnsupportedModelException">The family is unknown.</exception>
    public static void Require(string architecture)
    {
        if (!Families.ContainsKey(architecture))
            throw new UnsupportedModelException($"the architecture '{architecture}' is not supported; supported are {string.Join(", ", Families.Keys.Order(StringComparer.Ordinal))}");
    }
}
