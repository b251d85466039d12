using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The choice of experts: a warp per token.</summary>
/// <param name="Logits">Each token's logits.</param>
/// <param name="Bias">Selection bias, or null.</param>
/// <param name="Ids">The chosen experts.</param>
/// <param name="Weights">Their weights.</param>
/// <param name="Tokens">Tokens.</param>
/// <param name="Experts">Experts.</param>
/// <param name="Used">Experts chosen for a token.</param>
/// <param name="Normalize">1 if the chosen weights are divided by their sum.</param>
/// <param name="Scale">Factor on the weights.</param>
/// <param name="PerBlock">Tokens of a block.</param>
/// <param name="Blocks">Blocks.</param>
internal readonly record struct RouteGeometry(
    DevicePointer<float> Logits, DevicePointer<float> Bias, DevicePointer<int> Ids, DevicePointer<float> Weights,
    int Tokens, int Experts, int Used, int Normalize, float Scale, int PerBlock, int Blocks) : IKernelGeometry
{
    private const int WarpsPerBlock = 4;

    // A warp's registers hold two numbers of each expert.
    private const int MostExperts = 1024;

    private static readonly string Defines = $"MOST_EXPERTS={MostExperts}";
    private static readonly KernelCode Softmax = new("route.cu", "route_softmax", Defines);
    private static readonly KernelCode Sigmoid = new("route.cu", "route_sigmoid", Defines);

    /// <summary>Why a node cannot run here, or null.</summary>
    public static string? Refuses(GraphNode node, KernelOptions options) => FloatWeights.Refuses(node, options)
        ?? (node.Inputs[0].Width > MostExperts ? $"{node.Inputs[0].Width} experts; at most {MostExperts} are taken here" : null);

    /// <summary>The kernel for a node.</summary>
    public static KernelCode CodeOf(KernelBinding binding) => ((RouteOp)binding.Node.Operation).Gate == RouterGate.Softmax ? Softmax : Sigmoid;

    /// <summary>The cut of a run.</summary>
    public static RouteGeometry For(KernelBinding binding, RunSize size)
    {
        RouteOp op = (RouteOp)binding.Node.Operation;
        int tokens = binding.Node.Outputs[0].Rows.Resolve(size);
        return new RouteGeometry(
            DevicePointer<float>.Of(binding.Inputs[0]),
            binding.Weights.Count > 0 ? DevicePointer<float>.Of(binding.Weights[0]) : default,
            DevicePointer<int>.Of(binding.Outputs[0]),
            DevicePointer<float>.Of(binding.Outputs[1]),
            tokens,
            binding.Inputs[0].Width,
            op.Used,
            op.Normalize ? 1 : 0,
            op.Scale,
            WarpsPerBlock,
            Cover.Blocks(tokens, WarpsPerBlock));
    }

    /// <inheritdoc/>
    public LaunchShape Shape => new(Blocks, 1, 1, 32 * PerBlock);

    /// <inheritdoc/>
    public void Check()
    {
        Cover.Exactly("tokens", Tokens, Blocks, PerBlock);
        Cover.Require(Used > 0 && Used <= Experts, "no more experts are chosen than there are");
    }
}
