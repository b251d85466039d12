using CsCheck;
using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Quantization;

namespace Moe.Inference.Cuda.Tests.Kernels;

/// <summary>Rows dealt out to warps, for any matrix and any device.</summary>
public class RowCutTests
{
    private static readonly Gen<DeviceFigures> Devices =
        Gen.Select(Gen.Int[1, 160], Gen.Int[99 << 10, 227 << 10], (multiprocessors, shared) => new DeviceFigures("", "", multiprocessors, shared, 0));

    [Fact]
    public void Streaming_warps_cover_every_row_once() =>
        Gen.Select(Gen.Int[1, 200_000], Gen.Int[1, 2], Gen.Int[1, 4096], Gen.Int[1, 3], Devices).Sample((rows, perItem, matrices, blocksAtOnce, figures) =>
        {
            RowCut cut = RowCut.Streaming(rows, perItem, matrices, blocksAtOnce, figures);
            Cover.Exactly("rows", rows, cut.Blocks, cut.PerBlock);
            // Each warp of a block takes whole items.
            return cut.PerBlock % (cut.Warps * perItem) == 0 && cut.Warps is >= 1 and <= RowCut.MostWarps;
        });

    [Fact]
    public void A_large_matrix_is_one_wave_of_blocks() =>
        Gen.Select(Gen.Int[1, 200_000], Gen.Int[1, 3], Devices).Sample((rows, blocksAtOnce, figures) =>
            RowCut.Streaming(rows, 2, 1, blocksAtOnce, figures).Blocks <= figures.Multiprocessors * blocksAtOnce);

    [Fact]
    public void Warps_that_share_rows_cover_every_row_once() =>
        Gen.Select(Gen.Int[1, 200_000], Gen.Int[1, 40_000]).Sample((rows, width) =>
        {
            RowCut cut = RowCut.Splitting(rows, width, out int split);
            Cover.Exactly("rows", rows, cut.Blocks, cut.PerBlock);
            return cut.PerBlock * split == cut.Warps;
        });

    [Fact]
    public void The_activations_of_every_row_that_is_rounded_fit_the_smallest_device()
    {
        // Compute capability 8.6; some of a block's shared memory is not for the ring and the activations.
        const int Granted = 99 << 10, Others = 1 << 10;
        foreach (WeightFormat format in WeightFormat.Types.Select(WeightFormat.Of).Where(format => format.Rounds(exact: false, StreamMemory.WidestRow)))
            new StreamMemory(format, StreamMemory.WidestRow).Bytes(RowCut.MostWarps, 1).Should().BeLessThanOrEqualTo(Granted - Others, $"{format.Type} must run there");
    }

    [Fact]
    public void Every_type_that_can_be_decoded_has_a_format() => WeightFormat.Types.Should().BeEquivalentTo(QuantFormats.Types);

    [Fact]
    public void A_cut_that_leaves_rows_out_is_refused()
    {
        MatVecGeometry right = new MatVecGeometry { Rows0 = 20, First1 = 2, First2 = 2, First3 = 2, Blocks = 2, PerBlock = 16, Warps = 8, Groups = 1 };
        right.Invoking(geometry => geometry.Check()).Should().NotThrow();
        foreach (MatVecGeometry wrong in (MatVecGeometry[])[right with { Rows0 = 33 }, right with { Rows0 = 16 }, right with { Rows1 = 1 }, right with { Warps = 9 }, right with { Split = 2 }, right with { Groups = 0 }])
            wrong.Invoking(geometry => geometry.Check()).Should().Throw<InvalidOperationException>($"{wrong} does not cover its matrices");
    }
}
