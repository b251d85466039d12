using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>A tile of rows of weights and of tokens that a block of threads multiplies; see <c>tiled_product.cuh</c>.</summary>
/// <param name="RowWarps">Warps side by side, 32 rows each; as many again take the other half of the tokens.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Teams">Teams of so many warps that share the tile.</param>
internal readonly record struct ProductTile(int RowWarps, int Tokens, int Teams = 1)
{
    private const int Step = 256, Unit = 16, FloatBytes = sizeof(float);

    /// <summary>Rows of weights.</summary>
    public int Rows => 32 * RowWarps;

    /// <summary>Threads of the block.</summary>
    public int Threads => 64 * RowWarps * Teams;

    /// <summary>Bytes of shared memory; kernels compare it with what they use.</summary>
    public int SharedBytes(WeightFormat format)
    {
        int raw = (int)ElementLayout.Of(format.Type).RowBytes(Step);
        // Blocks begin anywhere within 16 bytes, unless they are whole multiples of 16.
        int block = ElementLayout.Of(format.Type).BlockBytes, alignment = Math.Min(block & -block, Unit);
        raw = Cover.Blocks(raw + Unit - alignment, Unit) * Unit;
        bool super = format.ActivationBlock == Step;
        int row = sizeof(long) + raw + Step + Unit + (Step / format.ScaleGroup * FloatBytes) + (format.HasMinimums ? Unit : 0) + (super ? 2 * FloatBytes : 0);
        int token = Step + Unit + (format.HasMinimums || !super ? 3 * Unit : 0) + (super ? FloatBytes : 0);
        return Teams * ((Rows * row) + (Tokens * ((2 * token) + sizeof(int))));
    }
}

/// <summary>The tiles that modules are compiled with, by what a device's shared memory holds.</summary>
/// <param name="Large">For many tokens.</param>
/// <param name="Wide">For more than 16 tokens where large tiles would be too few.</param>
/// <param name="Small">For up to 16 tokens.</param>
internal sealed record ProductTiles(ProductTile Large, ProductTile Wide, ProductTile Small)
{
    private static readonly ProductTiles[] All = [Of(4, 8), Of(4, 4), Of(2, 2), Of(1, 2)];

    /// <summary>What modules are compiled with besides the format.</summary>
    public string Defines => $"ROW_WARPS={Large.RowWarps} TEAMS={Small.Teams}";

    /// <summary>The largest that fit.</summary>
    /// <param name="format">The weights' format.</param>
    /// <param name="sharedBytes">Shared memory that a block may have.</param>
    public static ProductTiles For(WeightFormat format, int sharedBytes) =>
        All.FirstOrDefault(tiles => tiles.MostBytes(format) <= sharedBytes) ?? All[^1];

    private static ProductTiles Of(int rowWarps, int teams) => new(new(rowWarps, GroupRowsGeometry.PieceRows), new(1, 32, teams / 2), new(1, 16, teams));

    private int MostBytes(WeightFormat format) => Math.Max(Large.SharedBytes(format), Math.Max(Wide.SharedBytes(format), Small.SharedBytes(format)));
}
