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
        return Build(file.Path, file.Tensors, shape);
    }

    /// <summary>Builds the graph of a model that is known by its tensors' names, types and dimensions only.</summary>
    /// <param name="source">Where the tensors come from, as errors name it.</param>
    /// <param name="tensors">The tensors.</param>
    /// <param name="shape">The model's numbers.</param>
    /// <exception cref="UnsupportedModelException">The family is unknown, or tensors are missing, misshapen or left over.</exception>
    internal static ModelGraph Build(string source, IEnumerable<GgufTensor> tensors, Hyperparameters shape)
    {
        Require(shape.Architecture);
        WeightDirectory weights = new(source, tensors);
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
