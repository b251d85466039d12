using Moe.Inference.Bench.Synthesis;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Placement;

/// <summary>Command lines that people use with llama.cpp (ik_llama.cpp, pull request 430), as they wrote them.</summary>
internal static class SeedCommands
{
    /// <summary>Attention of all layers on one GPU, layers 0-51 over three, the rest on the host.</summary>
    public static readonly string[] First =
    [
        @"blk\.\d+\.attn=CUDA2",
        @"blk\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17)\.=CUDA0",
        @"blk\.(18|19|20|21|22|23|24|25|26|27|28|29|30|31|32|33|34|35)\.=CUDA1",
        @"blk\.(36|37|38|39|40|41|42|43|44|45|46|47|48|49|50|51)\.=CUDA2",
    ];

    /// <summary>The same with other borders.</summary>
    public static readonly string[] Second =
    [
        @"blk\.\d+\.attn=CUDA2",
        @"blk\.(0|1|2|3|4|5|6|7|8|9|10|11|12|13|14|15|16|17|18|19|20)\.=CUDA0",
        @"blk\.(21|22|23|24|25|26|27|28|29|30|31|32|33|34|35|36|37|38|39|40|41)\.=CUDA1",
        @"blk\.(42|43|44|45|46|47|48|49|50|51|52|53|54|55|56|57)\.=CUDA2",
    ];

    /// <summary>Together with <c>-ngl 64 -ts 1,1,0</c>: two overrides in one text, a share of 0.</summary>
    public const string Third = @"blk\.[0-7]\..*_exps\.=CUDA2,exps=CPU";

    /// <summary>A model of the shape of Qwen3-235B-A22B, without data.</summary>
    public static ModelOutline Qwen235 { get; } = ShapeInfo.Of(ModelShape.Presets["qwen3-235b-a22b"], ElementType.IQ4_XS, ElementType.Q6_K);

    public static PlannedDevice[] Gpus(long? memory = null) => [.. Enumerable.Range(0, 3).Select(index => new PlannedDevice(Device.Cuda(index), memory))];

    public static DevicePlacement Place(params string[] overrides) => overrides.Aggregate(DevicePlacement.Cpu, (placement, text) => placement.WithOverride(text));
}
