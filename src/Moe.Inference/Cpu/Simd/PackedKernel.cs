namespace Moe.Inference.Cpu.Simd;

/// <summary>
/// Multiplies rows in packed form with many tokens: groups of rows turned beforehand, in as many bytes, as unpacking to a tile would turn them for every
/// product anew. Gives the numbers of the kernel it belongs to, to the last bit.
/// </summary>
/// <param name="rows">The kernel for the rows as they are in the file.</param>
/// <param name="tiles">Its way of many tokens.</param>
internal sealed unsafe class PackedKernel(WeightKernel rows, Tiles tiles) : WeightKernel(rows.Type, rows.Activations)
{
    /// <summary>From how many tokens on packed rows are faster.</summary>
    public const int MinTokens = 2;

    /// <summary>Rows of a group, which are packed and multiplied together.</summary>
    public int GroupRows => tiles.Rows;

    /// <summary>Packs one group.</summary>
    /// <param name="w">The group's first row in the file's form.</param>
    /// <param name="rowBytes">Bytes of a row.</param>
    /// <param name="packed">Where the group goes: as many bytes as its rows have.</param>
    public void Pack(byte* w, long rowBytes, byte* packed) => tiles.Pack(w, rowBytes, packed);

    /// <summary>As for other rows, but the first one begins a group, and rows are whole groups.</summary>
    public override void Dot(byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride) =>
        tiles.DotPacked(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, null);

    /// <inheritdoc cref="Dot"/>
    public override void DotScattered(
        byte* w, long rowBytes, int rows, byte* x, long xStride, int tokens, int k, float* y, long yStride, int* targets, float* spare) =>
        tiles.DotPacked(w, rowBytes, rows, x, xStride, tokens, k, y, yStride, targets);
}
