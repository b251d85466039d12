using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>
/// Attention in one pass over pages. On tensor cores where type and widths allow: for few tokens blocks share a token's context, for many
/// they share the tokens. Else in plain float32.
/// </summary>
internal sealed class FlashAttentionKernel() : CudaKernel(FlashAttentionOp.OpName)
{
    /// <inheritdoc/>
    public override string? Refuses(GraphNode node, KernelOptions options) => KvFormats.Refuses(ShapeOf(node), node, options);

    /// <inheritdoc/>
    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => new FlashParts(ShapeOf(node), size, 0).Bytes;

    /// <inheritdoc/>
    public override IStep Bind(KernelBinding binding)
    {
        (ElementType type, AttentionShape shape, int pageLength) = (binding.Options.KvType, ShapeOf(binding.Node), binding.Kv!.PageLength);
        if (!int.IsPow2(pageLength))
            throw new ArgumentOutOfRangeException(nameof(binding), pageLength, "pages hold a power of two of tokens");
        return FlashTiles.Take(type, shape, pageLength) ? new TiledStep(binding, shape, new FlashTiles(type, shape)) : new PlainStep(binding);
    }

    private static AttentionShape ShapeOf(GraphNode node) => ((FlashAttentionOp)node.Operation).Shape;

    private sealed class PlainStep(KernelBinding binding) : CudaStep
    {
        private readonly KernelCode _code = new("flash_plain.cu", "flash_plain", $"KV={KvFormats.StructOf(binding.Options.KvType)}");

        public override void Prepare(KernelLibrary library) => library.Prepare(_code);

        public override void Launch(CudaStream stream, in RunSize size) => stream.Launch(_code, FlashGeometry.For(binding, size).Plain());
    }

    private sealed class TiledStep(KernelBinding binding, AttentionShape shape, FlashTiles tiles) : CudaStep
    {
        private readonly KernelCode _split = tiles.SplitCode;
        private readonly KernelCode _join = new("flash_join.cu", "flash_join", FlashParts.Defines);
        private readonly KernelCode _prompt = tiles.PromptCode;

        public override void Prepare(KernelLibrary library)
        {
            library.Prepare(_split);
            library.Prepare(_join);
            if (binding.Limits.Tokens > FlashParts.MostTokens)
                library.Prepare(_prompt);
        }

        public override void Launch(CudaStream stream, in RunSize size)
        {
            FlashGeometry geometry = FlashGeometry.For(binding, size);
            if (size.Tokens > FlashParts.MostTokens)
            {
                // Logits are wanted of the tokens that end a sequence.
                stream.Launch(_prompt, geometry.Prompt(tiles, Math.Max(1, size.Outputs)));
                return;
            }

            FlashParts parts = new(shape, size, binding.Scratch.Address);
            geometry = geometry.Split(tiles, parts);
            stream.Launch(_split, geometry);
            if (parts.Count > 1)
                stream.Launch(_join, geometry.Join());
        }
    }
}
