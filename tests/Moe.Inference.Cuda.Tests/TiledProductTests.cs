using Moe.Inference.Cuda.Kernels;
using Moe.Inference.Execution;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;

namespace Moe.Inference.Cuda.Tests;

/// <summary>Tiles that small matrices do not get of themselves.</summary>
public class TiledProductTests
{
    [SkippableTheory]
    [InlineData(ElementType.Q4_K)]
    [InlineData(ElementType.Q6_K)]
    [InlineData(ElementType.Q8_0)]
    public void The_largest_tile_computes_the_product(ElementType type)
    {
        using IBackend backend = TestGpu.Require().Open();
        OpConformance.Check(new LargestTiles(), backend, new ConformanceOptions { WeightTypes = [type] }).ThrowIfFailed();
    }

    private sealed class LargestTiles() : ProductKernel(MatMulOp.OpName, [new FewTokenMatMul(), new TiledMatMul(largest: true)]);
}
