using Moe.Inference.Gguf;
using Moe.Inference.Graph;

namespace Moe.Inference.Architectures;

/// <summary>The tensors of a model, handed out by name with their dimensions checked. A missing or a leftover tensor is fatal and named.</summary>
/// <param name="source">Where they come from, as errors name it.</param>
/// <param name="tensors">The tensors, no name twice.</param>
internal sealed class WeightDirectory(string source, IEnumerable<GgufTensor> tensors)
{
    private readonly Dictionary<string, GgufTensor> _tensors = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    private readonly HashSet<string> _taken = new(StringComparer.Ordinal);

    /// <summary>Whether a tensor exists.</summary>
    public bool Has(string name) => _tensors.ContainsKey(name);

    /// <summary>A matrix: rows of <paramref name="width"/> elements.</summary>
    public Weight Matrix(string name, int width, int rows) => Take(name, [width, rows]);

    /// <summary>A vector.</summary>
    public Weight Vector(string name, int width) => Take(name, [width]);

    /// <summary>A matrix for each expert.</summary>
    public Weight Experts(string name, int width, int rows, int experts) => Take(name, [width, rows, experts]);

    /// <summary>A vector, or nothing if the file has none.</summary>
    public Weight? OptionalVector(string name, int width) => Has(name) ? Vector(name, width) : null;

    /// <summary>The length of a matrix whose number of rows the file decides, such as the vocabulary.</summary>
    public int RowsOf(string name)
    {
        GgufTensor tensor = Find(name);
        return tensor.Rows <= int.MaxValue ? (int)tensor.Rows : throw new UnsupportedModelException($"'{name}' has {tensor.Rows} rows, too many");
    }

    /// <summary>Refuses a file with tensors that no part of the model took: their effect would be silently lost.</summary>
    /// <exception cref="UnsupportedModelException">There are some; the message names them.</exception>
    public void RefuseLeftovers(string architecture)
    {
        string[] left = [.. _tensors.Keys.Where(name => !_taken.Contains(name))];
        if (left.Length > 0)
            throw new UnsupportedModelException($"{architecture}: the file has {left.Length} tensors that this architecture does not use: {string.Join(", ", left.Take(5))}{(left.Length > 5 ? ", …" : "")}");
    }

    private Weight Take(string name, ReadOnlySpan<int> dimensions)
    {
        GgufTensor tensor = Find(name);
        int[] actual = [.. tensor.Dimensions.Select(size => checked((int)size))];
        // Trailing dimensions of 1 carry no meaning: writers differ in keeping them.
        int meaningful = actual.Length;
        while (meaningful > dimensions.Length && actual[meaningful - 1] == 1)
            meaningful--;
        if (!actual.AsSpan(0, meaningful).SequenceEqual(dimensions))
            throw new UnsupportedModelException($"'{name}' has dimensions [{string.Join(", ", actual)}]; expected [{string.Join(", ", dimensions.ToArray())}]");
        _taken.Add(name);
        return new Weight(name, tensor.Type, dimensions[0], dimensions.Length > 1 ? dimensions[1] : 1, dimensions.Length > 2 ? dimensions[2] : 1);
    }

    private GgufTensor Find(string name) => _tensors.TryGetValue(name, out GgufTensor? tensor)
        ? tensor
        : throw new UnsupportedModelException($"{source}: the tensor '{name}' is missing");
}
