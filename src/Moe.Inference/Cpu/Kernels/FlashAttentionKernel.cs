using System.Numerics.Tensors;
using Moe.Inference.Cpu.Jit;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// Attention in one pass over pages. The context is cut at fixed positions into parts; each part is summed on its own, span by span, and parts
/// are joined in order. For few tokens, threads share the parts; for many, they share tokens and heads. Both sum in the same order, so a token's
/// result does not depend on what else is in the batch, nor on the number of threads.
/// </summary>
internal sealed class FlashAttentionKernel() : CpuKernel(FlashAttentionOp.OpName)
{
    private const int SplitTokens = 16;
    private const int BlockTokens = 16;
    private const int MostParts = 16;
    private const int SmallestPart = FlashWorkspace.SpanLength;

    // For more query rows a page is decoded once, rather than converted for every four of them.
    private const int MostRowsOnStored = 8;

    public override string? Refuses(GraphNode node, KernelOptions options) => PagedAttention.Refuses(((FlashAttentionOp)node.Operation).Shape, node, options);

    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => new Parts(((FlashAttentionOp)node.Operation).Shape, size, options).Length;

    public override IStep Bind(KernelBinding binding) => new Step(binding);

    /// <summary>How the context is cut, and where the parts of the scratch memory lie.</summary>
    private readonly unsafe struct Parts
    {
        public Parts(AttentionShape shape, RunSize limits, KernelOptions options)
        {
            // A whole number of pages, whatever their length is (at the most the smallest part).
            PartLength = SmallestPart;
            while ((long)PartLength * MostParts < limits.Context)
                PartLength *= 2;
            PartCount = Math.Max(1, (limits.Context + PartLength - 1) / PartLength);
            Rows = BlockTokens * shape.Group;
            ScratchLayout layout = default;
            WorkspaceBytes = new FlashWorkspace(shape, Rows, PagedAttention.LongestPage, null).Bytes;
            Workspaces = layout.Take(WorkspaceBytes * options.Threads);
            long partials = (long)Math.Min(SplitTokens, limits.Tokens) * shape.Heads * PartCount;
            Sums = layout.Take(partials * shape.ValueWidth * sizeof(float));
            Statistics = layout.Take(2 * partials * sizeof(float));
            Length = layout.Length;
        }

        public int PartLength { get; }

        public int PartCount { get; }

        public int Rows { get; }

        public long WorkspaceBytes { get; }

        public long Workspaces { get; }

        public long Sums { get; }

        public long Statistics { get; }

        public long Length { get; }
    }

    private sealed unsafe class Step : CpuStep
    {
        private readonly KernelBinding _binding;
        private readonly AttentionShape _shape;
        private readonly Parts _parts;
        private readonly KvPages _keys;
        private readonly KvPages _values;
        private readonly PageWalk _walk;
        private readonly int _pageLength;
        private readonly AttentionRoutines? _stored;
        private readonly AttentionRoutines? _floats;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _shape = ((FlashAttentionOp)binding.Node.Operation).Shape;
            _parts = new Parts(_shape, binding.Limits, binding.Options);
            _keys = KvPages.Keys(binding.Kv!);
            _values = KvPages.Values(binding.Kv!);
            _pageLength = PagedAttention.Check(binding.Kv!);
            _stored = _keys.Type == _values.Type ? AttentionRoutines.For(_shape.KeyWidth, _shape.ValueWidth, _keys.Type) : null;
            _floats = AttentionRoutines.For(_shape.KeyWidth, _shape.ValueWidth, ElementType.F32);
            _walk = new PageWalk(binding.Inputs[1], binding.Inputs[2], binding.Inputs[3], _pageLength);
        }

        public override int Phases => 2;

        private byte* Scratch => (byte*)_binding.Scratch.Address;

        public override int Items(int phase, in RunSize size)
        {
            bool split = size.Tokens <= SplitTokens;
            if (phase == 1)
                return split ? size.Tokens * _shape.KvHeads : 0;
            return split ? size.Tokens * _shape.KvHeads * PartsOf(size) : new Blocks(size.Tokens, BlockTokens).Count * _shape.KvHeads;
        }

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            FlashWorkspace work = new(_shape, _parts.Rows, PagedAttention.LongestPage, Scratch + _parts.Workspaces + (worker * _parts.WorkspaceBytes));
            if (phase == 1)
                JoinParts(item / _shape.KvHeads, item % _shape.KvHeads, size, work);
            else if (size.Tokens <= SplitTokens)
                OnePart(item, size, work);
            else
                Block(item, size, work);
        }

        private int PartsOf(in RunSize size) => (size.Context + _parts.PartLength - 1) / _parts.PartLength;

        private RunningSoftmax Partial(int token, int part, in RunSize size)
        {
            long row = ((long)token * PartsOf(size) + part) * _shape.Heads;
            return new RunningSoftmax((float*)(Scratch + _parts.Sums) + (row * _shape.ValueWidth), (float*)(Scratch + _parts.Statistics) + (2 * row), _shape.Heads, _shape.ValueWidth);
        }

        // One token, one key/value head, one part of the context: the result waits in scratch memory.
        private void OnePart(int item, in RunSize size, FlashWorkspace work)
        {
            int parts = PartsOf(size);
            (int rest, int part) = Math.DivRem(item, parts);
            (int token, int head) = Math.DivRem(rest, _shape.KvHeads);
            work.ClearSpares(_shape, _pageLength);
            LoadQueries(token, token + 1, head, work);
            RunningSoftmax mine = work.Softmax(0, _shape.ValueWidth);
            Attend(token, token + 1, head, part * _parts.PartLength, mine, work);
            RunningSoftmax all = Partial(token, part, size);
            for (int i = 0; i < _shape.Group; i++)
            {
                int row = (head * _shape.Group) + i;
                mine.Sum(i).CopyTo(all.Sum(row));
                (all.Maximum(row), all.Total(row)) = (mine.Maximum(i), mine.Total(i));
            }
        }

        private void JoinParts(int token, int head, in RunSize size, FlashWorkspace work)
        {
            RunningSoftmax result = work.Softmax(0, _shape.ValueWidth);
            result.Clear(_shape.Group);
            for (int part = 0; part < PartsOf(size); part++)
            {
                RunningSoftmax partial = Partial(token, part, size);
                for (int i = 0; i < _shape.Group; i++)
                    Join(partial, (head * _shape.Group) + i, result, i);
            }

            Finish(token, token + 1, head, result);
        }

        // Neighbouring tokens and one key/value head: all parts, one after the other.
        private void Block(int item, in RunSize size, FlashWorkspace work)
        {
            Blocks blocks = new(size.Tokens, BlockTokens);
            (int block, int head) = Math.DivRem(item, _shape.KvHeads);
            work.ClearSpares(_shape, _pageLength);
            for (int first = blocks.Start(block), end = first + blocks.Size(block); first < end;)
            {
                int last = first + 1;
                while (last < end && _walk.SameSequence(first, last))
                    last++;
                Sequence(first, last, head, work);
                first = last;
            }
        }

        private void Sequence(int first, int last, int head, FlashWorkspace work)
        {
            LoadQueries(first, last, head, work);
            RunningSoftmax result = work.Softmax(0, _shape.ValueWidth);
            RunningSoftmax part = work.Softmax(1, _shape.ValueWidth);
            int rows = (last - first) * _shape.Group;
            result.Clear(rows);
            for (int from = 0, length = Longest(first, last); from < length; from += _parts.PartLength)
            {
                Attend(first, last, head, from, part, work);
                for (int row = 0; row < rows; row++)
                    Join(part, row, result, row);
            }

            Finish(first, last, head, result);
        }

        private int Longest(int first, int last)
        {
            int length = 0;
            for (int token = first; token < last; token++)
                length = Math.Max(length, _walk.Length(token));
            return length;
        }

        private void LoadQueries(int first, int last, int head, FlashWorkspace work)
        {
            int group = _shape.Group * _shape.KeyWidth;
            for (int token = first; token < last; token++)
                _binding.Inputs[0].Row(token).Slice(head * group, group).CopyTo(new Span<float>(work.Queries + ((long)(token - first) * group), group));
        }

        // The part of the context that begins at `from`, for tokens of one sequence.
        private void Attend(int first, int last, int head, int from, RunningSoftmax softmax, FlashWorkspace work)
        {
            int rows = (last - first) * _shape.Group;
            softmax.Clear(rows);
            int to = Math.Min(from + _parts.PartLength, Longest(first, last));
            for (int start = from; start < to; start += FlashWorkspace.SpanLength)
            {
                int end = Math.Min(start + FlashWorkspace.SpanLength, to), pages = _walk.PageCount(start, end);
                for (int n = 0; n < pages; n++)
                {
                    int after = n + 1 < pages ? start + ((n + 1) * _pageLength) : start;
                    Scores(rows, first, head, _walk.At(first, start, end, n), start, n + 1 < pages ? _keys : _values, after, work);
                }
                for (int row = 0; row < rows; row++)
                    Weigh(row, first, start, end - start, softmax, work);
                for (int n = 0; n < pages; n++)
                {
                    // The next part of the context is likely to be the same thread's.
                    int after = Math.Min(start + ((n + 1) * _pageLength), _walk.Length(first) - 1);
                    AddValues(rows, first, head, _walk.At(first, start, end, n), start, n + 1 < pages ? _values : _keys, after, softmax, work);
                }
            }
        }

        // Rows that will be read next, those of a position.
        private byte* RowsAt(in KvPages memory, int first, int head, int position) => memory.Rows(_walk.At(first, position / _pageLength * _pageLength, position + 1, 0).Page, head);

        private bool OnStored(int rows) => _stored is not null && rows <= MostRowsOnStored;

        private void Scores(int rows, int first, int head, PageSpan page, int start, in KvPages next, int nextPosition, FlashWorkspace work)
        {
            float* scores = work.Scores + (page.Position - start);
            if (OnStored(rows))
            {
                byte* ahead = RowsAt(next, first, head, nextPosition);
                _stored!.Scores(work.Queries, rows, _keys.Rows(page.Page, head), page.Count, _shape.Scale, scores, FlashWorkspace.ScoresStride, ahead);
                return;
            }
            float* keys = _keys.Load(page.Page, head, page.Count, work.KeyTile);
            if (_floats is not null)
            {
                // Keys are in the caches already.
                _floats.Scores(work.Queries, rows, (byte*)keys, page.Count, _shape.Scale, scores, FlashWorkspace.ScoresStride, (byte*)keys);
                return;
            }
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
            {
                RowSet queries = RowSet.Of(work.Queries, _shape.KeyWidth, row, rows, work.SpareQuery);
                AttentionTile.Scores(queries, keys, page.Count, _shape.KeyWidth, _shape.Scale, RowSet.Of(scores, FlashWorkspace.ScoresStride, row, rows, work.SpareScores));
            }
        }

        // Scores of a span become weights.
        private void Weigh(int row, int first, int start, int count, RunningSoftmax softmax, FlashWorkspace work)
        {
            int seen = Math.Clamp(_walk.Length(first + (row / _shape.Group)) - start, 0, count);
            Span<float> all = new(work.Scores + ((long)row * FlashWorkspace.ScoresStride), count);
            if (seen > 0)
                AttentionTile.Accumulate(all[..seen], ref softmax.Maximum(row), ref softmax.Total(row), softmax.Sum(row));
            // What a token may not see weighs nothing; 0 · value changes no sum.
            all[seen..].Clear();
        }

        private void AddValues(int rows, int first, int head, PageSpan page, int start, in KvPages next, int nextPosition, RunningSoftmax softmax, FlashWorkspace work)
        {
            float* weights = work.Scores + (page.Position - start);
            if (OnStored(rows))
            {
                byte* ahead = RowsAt(next, first, head, nextPosition);
                _stored!.AddValues(weights, FlashWorkspace.ScoresStride, rows, _values.Rows(page.Page, head), page.Count, softmax.Sums, ahead);
                return;
            }
            float* values = _values.Load(page.Page, head, page.Count, work.ValueTile);
            if (_floats is not null)
            {
                _floats.AddValues(weights, FlashWorkspace.ScoresStride, rows, (byte*)values, page.Count, softmax.Sums, (byte*)values);
                return;
            }
            for (int row = 0; row < rows; row += AttentionTile.QueryRows)
            {
                RowSet sums = RowSet.Of(softmax.Sums, _shape.ValueWidth, row, rows, work.SpareSum);
                AttentionTile.AddValues(RowSet.Of(weights, FlashWorkspace.ScoresStride, row, rows, work.SpareScores), values, page.Count, _shape.ValueWidth, sums);
            }
        }

        private static void Join(RunningSoftmax part, int partRow, RunningSoftmax result, int row)
        {
            if (part.Total(partRow) > 0)
                AttentionTile.Join(part.Sum(partRow), part.Maximum(partRow), part.Total(partRow), ref result.Maximum(row), ref result.Total(row), result.Sum(row));
        }

        private void Finish(int first, int last, int head, RunningSoftmax result)
        {
            TensorView output = _binding.Outputs[0];
            for (int token = first; token < last; token++)
            {
                for (int i = 0; i < _shape.Group; i++)
                {
                    int row = ((token - first) * _shape.Group) + i;
                    Span<float> target = output.Row(token).Slice(((head * _shape.Group) + i) * _shape.ValueWidth, _shape.ValueWidth);
                    TensorPrimitives.Divide(result.Sum(row), result.Total(row), target);
                }
            }
        }
    }
}
