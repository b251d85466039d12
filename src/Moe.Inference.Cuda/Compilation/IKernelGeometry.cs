namespace Moe.Inference.Cuda.Compilation;

/// <summary>
/// Everything one launch of a kernel is told: addresses, sizes, and how the work is cut. The same record decides the launch and is the
/// kernel's only parameter, under the same name and with the same fields, so that the two sides cannot disagree. A sequential struct of
/// int, float, long and <see cref="DevicePointer{T}"/> fields.
/// </summary>
internal interface IKernelGeometry
{
    /// <summary>Blocks and threads that the fields come to.</summary>
    LaunchShape Shape { get; }

    /// <summary>Throws unless the launch covers the work exactly: every item once, none beyond the operands.</summary>
    /// <exception cref="InvalidOperationException">It does not; the message says what.</exception>
    void Check();
}

/// <summary>The shape of a launch.</summary>
/// <param name="X">Blocks, first dimension.</param>
/// <param name="Y">Blocks, second dimension.</param>
/// <param name="Z">Blocks, third dimension.</param>
/// <param name="Threads">Threads of a block, a multiple of 32.</param>
/// <param name="SharedBytes">Dynamic shared memory of a block.</param>
internal readonly record struct LaunchShape(int X, int Y, int Z, int Threads, int SharedBytes = 0)
{
    /// <summary>Blocks in all; a launch of none is left out.</summary>
    public long Blocks => (long)X * Y * Z;
}

/// <summary>Arithmetic of geometries.</summary>
internal static class Cover
{
    /// <summary>Pieces of a given size that cover a number of items.</summary>
    public static int Blocks(long items, int perBlock) => checked((int)((items + perBlock - 1) / perBlock));

    /// <summary>Throws unless so many pieces cover the items, with none left empty.</summary>
    public static void Exactly(string what, long items, long blocks, long perBlock)
    {
        if (perBlock < 1 || blocks * perBlock < items || (blocks > 0 && (blocks - 1) * perBlock >= items))
            throw new InvalidOperationException($"{blocks} pieces of {perBlock} do not cover the {items} {what} exactly");
    }

    /// <summary>Throws unless a condition on the geometry holds.</summary>
    public static void Require(bool condition, string expectation)
    {
        if (!condition)
            throw new InvalidOperationException(expectation);
    }
}
