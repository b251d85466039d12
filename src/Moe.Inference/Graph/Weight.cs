using Moe.Inference.Tensors;

namespace Moe.Inference.Graph;

/// <summary>A tensor of the model as a graph sees it: name, type and dimensions, no data and no device.</summary>
/// <param name="Name">The tensor's name in the file.</param>
/// <param name="Type">Element type.</param>
/// <param name="Width">Elements of a row (the first GGUF dimension).</param>
/// <param name="RowsPerSlice">Rows of one matrix (the second dimension, 1 for a vector).</param>
/// <param name="Slices">Matrices in the tensor (the third dimension: experts), 1 for a plain matrix.</param>
/// <param name="FirstSlice">The first matrix of the tensor that this part of it holds, 0 for a whole tensor.</param>
public sealed record Weight(string Name, ElementType Type, int Width, int RowsPerSlice = 1, int Slices = 1, int FirstSlice = 0)
{
    /// <summary>Bytes of one row.</summary>
    public long RowBytes => ElementLayout.Of(Type).RowBytes(Width);

    /// <summary>Bytes of one slice.</summary>
    public long SliceBytes => checked(RowBytes * RowsPerSlice);

    /// <summary>Bytes of the whole tensor.</summary>
    public long ByteLength => checked(SliceBytes * Slices);

    /// <summary>Whether it is a single row.</summary>
    public bool IsVector => RowsPerSlice == 1 && Slices == 1;

    /// <summary>Some of the tensor's matrices.</summary>
    /// <param name="first">The first, counted within this part.</param>
    /// <param name="count">How many.</param>
    public Weight Part(int first, int count)
    {
        if (first < 0 || count < 1 || first + count > Slices)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"'{Name}' has {Slices} matrices, not {count} from {first} on");
        return this with { FirstSlice = FirstSlice + first, Slices = count };
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Name}: {Type}[{Width}{(RowsPerSlice > 1 ? $", {RowsPerSlice}" : "")}{(Slices > 1 ? $", {Slices}" : "")}]";
}
