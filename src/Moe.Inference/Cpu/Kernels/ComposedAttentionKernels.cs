using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>The scores of all keys: an item is one token and one key/value head.</summary>
internal sealed class AttentionScoresKernel() : CpuKernel(AttentionScoresOp.OpName)
{
    public override string? Refuses(GraphNode node, KernelOptions options) => PagedAttention.Refuses(((AttentionScoresOp)node.Operation).Shape, node, options);

    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) =>
        TokenHeadStep.ScratchBytes(((AttentionScoresOp)node.Operation).Shape, options);

    public override IStep Bind(KernelBinding binding) => new Step(binding, ((AttentionScoresOp)binding.Node.Operation).Shape);

    private sealed unsafe class Step(KernelBinding binding, AttentionShape shape) : TokenHeadStep(binding, shape, binding.Inputs[1], binding.Inputs[2], binding.Inputs[3])
    {
        private readonly KvPages _keys = KvPages.Keys(binding.Kv!);

        protected override void RunPage(int token, int head, PageSpan span, FlashWorkspace work)
        {
            float* keys = _keys.Load(span.Page, head, span.Count, work.KeyTile);
            float* queries = (float*)Binding.Inputs[0].Address + ((long)token * Shape.QueryRow) + (head * Shape.Group * Shape.KeyWidth);
            TensorView output = Binding.Outputs[0];
            float* scores = (float*)output.Address + ((((long)token * Shape.Heads) + (head * Shape.Group)) * output.Width) + span.Position;
            for (int row = 0; row < Shape.Group; row += AttentionTile.QueryRows)
            {
                RowSet q = RowSet.Of(queries, Shape.KeyWidth, row, Shape.Group, work.SpareQuery);
                AttentionTile.Scores(q, keys, span.Count, Shape.KeyWidth, Shape.Scale, RowSet.Of(scores, output.Width, row, Shape.Group, work.SpareScores));
            }
        }
    }
}

/// <summary>The sums of weighted values: an item is one token and one key/value head.</summary>
internal sealed class AttentionValuesKernel() : CpuKernel(AttentionValuesOp.OpName)
{
    public override string? Refuses(GraphNode node, KernelOptions options) => PagedAttention.Refuses(((AttentionValuesOp)node.Operation).Shape, node, options);

    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) =>
        TokenHeadStep.ScratchBytes(((AttentionValuesOp)node.Operation).Shape, options);

    public override IStep Bind(KernelBinding binding) => new Step(binding, ((AttentionValuesOp)binding.Node.Operation).Shape);

    private sealed unsafe class Step(KernelBinding binding, AttentionShape shape) : TokenHeadStep(binding, shape, binding.Inputs[1], binding.Inputs[2], binding.Inputs[3])
    {
        private readonly KvPages _values = KvPages.Values(binding.Kv!);

        protected override void Start(int token, int head)
        {
            int group = Shape.Group * Shape.ValueWidth;
            Binding.Outputs[0].Row(token).Slice(head * group, group).Clear();
        }

        protected override void RunPage(int token, int head, PageSpan span, FlashWorkspace work)
        {
            float* values = _values.Load(span.Page, head, span.Count, work.ValueTile);
            TensorView weights = Binding.Inputs[0];
            float* rows = (float*)weights.Address + ((((long)token * Shape.Heads) + (head * Shape.Group)) * weights.Width) + span.Position;
            float* sums = (float*)Binding.Outputs[0].Address + ((long)token * Shape.OutputRow) + (head * Shape.Group * Shape.ValueWidth);
            for (int row = 0; row < Shape.Group; row += AttentionTile.QueryRows)
            {
                RowSet w = RowSet.Of(rows, weights.Width, row, Shape.Group, work.SpareScores);
                AttentionTile.AddValues(w, values, span.Count, Shape.ValueWidth, RowSet.Of(sums, Shape.ValueWidth, row, Shape.Group, work.SpareSum));
            }
        }
    }
}

/// <summary>The traversal that composed attention's steps share: every page that a token sees, for one key/value head.</summary>
internal abstract unsafe class TokenHeadStep : CpuStep
{
    private readonly PageWalk _walk;
    private readonly int _pageLength;

    protected TokenHeadStep(KernelBinding binding, AttentionShape shape, TensorView lengths, TensorView starts, TensorView pages)
    {
        Binding = binding;
        Shape = shape;
        _pageLength = PagedAttention.Check(binding.Kv!);
        _walk = new PageWalk(lengths, starts, pages, _pageLength);
    }

    protected KernelBinding Binding { get; }

    protected AttentionShape Shape { get; }

    public static long ScratchBytes(AttentionShape shape, KernelOptions options) =>
        new FlashWorkspace(shape, AttentionTile.QueryRows, PagedAttention.LongestPage, null).Bytes * options.Threads;

    public override int Items(int phase, in RunSize size) => size.Tokens * Shape.KvHeads;

    public override void Run(int phase, int item, in RunSize size, int worker)
    {
        FlashWorkspace layout = new(Shape, AttentionTile.QueryRows, PagedAttention.LongestPage, null);
        FlashWorkspace work = new(Shape, AttentionTile.QueryRows, PagedAttention.LongestPage, (byte*)Binding.Scratch.Address + (worker * layout.Bytes));
        work.ClearSpares(Shape, _pageLength);
        (int token, int head) = Math.DivRem(item, Shape.KvHeads);
        int length = _walk.Length(token);
        Start(token, head);
        for (int n = 0, count = _walk.PageCount(0, length); n < count; n++)
            RunPage(token, head, _walk.At(token, 0, length, n), work);
    }

    protected virtual void Start(int token, int head)
    {
    }

    protected abstract void RunPage(int token, int head, PageSpan span, FlashWorkspace work);
}
