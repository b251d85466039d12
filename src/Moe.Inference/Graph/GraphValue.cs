using Moe.Inference.Tensors;

namespace Moe.Inference.Graph;

/// <summary>Element type, symbolic row count and row width of a value.</summary>
/// <param name="Type">Element type; activations are <see cref="ElementType.F32"/>, indices <see cref="ElementType.I32"/>.</param>
/// <param name="Rows">Number of rows.</param>
/// <param name="Width">Elements of a row.</param>
public readonly record struct ValueShape(ElementType Type, RowCount Rows, int Width)
{
    /// <summary>A float32 value.</summary>
    public static ValueShape Floats(RowCount rows, int width) => new(ElementType.F32, rows, width);

    /// <summary>An int32 value.</summary>
    public static ValueShape Integers(RowCount rows, int width) => new(ElementType.I32, rows, width);

    /// <summary>Bytes that the value takes in a run of a given size.</summary>
    public long ByteLength(in RunSize size) => checked(Rows.Resolve(size) * ElementLayout.Of(Type).RowBytes(Width));

    /// <inheritdoc/>
    public override string ToString() => $"{Type}[{Rows}, {Width}]";
}

/// <summary>A named result of a node, or an input of the graph. Each value is written once.</summary>
public sealed class GraphValue
{
    internal GraphValue(int id, string name, ValueShape shape)
    {
        Id = id;
        Name = name;
        Shape = shape;
    }

    /// <summary>Number within its graph, from 0 in order of creation.</summary>
    public int Id { get; }

    /// <summary>Name for people.</summary>
    public string Name { get; }

    /// <summary>Element type, rows and width.</summary>
    public ValueShape Shape { get; }

    /// <summary>Elements of a row.</summary>
    public int Width => Shape.Width;

    /// <summary>Symbolic number of rows.</summary>
    public RowCount Rows => Shape.Rows;

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Shape}";
}
