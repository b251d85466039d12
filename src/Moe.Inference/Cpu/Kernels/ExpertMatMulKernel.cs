using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Products with the matrices of chosen experts: encode rows, sort them by expert, multiply expert by expert.</summary>
internal sealed class ExpertMatMulKernel() : CpuKernel(ExpertMatMulOp.OpName)
{
    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => new Parts(node, size, options).Length;

    public override IStep Bind(KernelBinding binding) => new Step(binding);

    /// <summary>Where the parts of the scratch memory lie.</summary>
    private readonly struct Parts
    {
        public Parts(GraphNode node, RunSize size, KernelOptions options)
        {
            Weight weight = node.Weights[0];
            int rows = node.Outputs[0].Rows.Resolve(size);
            ScratchLayout layout = default;
            Groups = layout.Take(ExpertGroups.Bytes(weight.Slices, rows));
            Encoded = layout.Take(EncodedRows.Bytes(ProductOf(weight, options), weight.Width, node.Inputs[0].Rows.Resolve(size)));
            Gathered = layout.Take(EncodedRows.RowBytes(ProductOf(weight, options), weight.Width) * rows);
            TileStride = (long)ExpertProduct.Cut(weight, options.Threads).BlockLength * rows * sizeof(float);
            Tiles = layout.Take(TileStride * options.Threads);
            Length = layout.Length;
        }

        public long Groups { get; }

        public long Encoded { get; }

        public long Gathered { get; }

        public long TileStride { get; }

        public long Tiles { get; }

        public long Length { get; }
    }

    private sealed unsafe class Step : CpuStep
    {
        // Rows that one worker sorts and encodes while the others wait.
        private const int MostBrief = 4;
        private readonly KernelBinding _binding;
        private readonly Parts _parts;
        private readonly ExpertProduct _product;
        private readonly ExpertMatMulOp _op;
        private readonly int _rowsPerSource;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            GraphNode node = binding.Node;
            _parts = new Parts(node, binding.Limits, binding.Options);
            _product = new ExpertProduct(ProductOf(node.Weights[0], binding.Options), node.Weights[0], binding.Weights[0], binding.Options.Threads);
            _op = (ExpertMatMulOp)node.Operation;
            _rowsPerSource = node.Inputs[0].Rows == node.Inputs[1].Rows ? _op.Used : 1;
        }

        public override int Phases => 3;

        private byte* Scratch => (byte*)_binding.Scratch.Address;

        private ExpertGroups Groups => new((int*)(Scratch + _parts.Groups), _binding.Node.Weights[0].Slices, _op.FirstExpert);

        private EncodedRows Encoded => new(_product.Kernel, _binding.Inputs[0], Scratch + _parts.Encoded);

        private GatheredRows Gathered => new(Encoded, _rowsPerSource, Scratch + _parts.Gathered);

        public override int Items(int phase, in RunSize size) => phase switch
        {
            0 => 1 + Encoded.Items(SourceRows(size)),
            1 => GatheredRows.Items(_binding.Node.Outputs[0].Rows.Resolve(size)),
            _ => Groups.ActiveCount * _product.Blocks.Count,
        };

        // The last phase depends on the choice of experts.
        public override bool IsBrief(int phase, in RunSize size) => phase < 2 && SourceRows(size) <= MostBrief;

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            int rows = _binding.Node.Outputs[0].Rows.Resolve(size);
            if (phase == 0 && item == 0)
                Groups.Build(_binding.Inputs[1].Integers(rows));
            else if (phase == 0)
                Encoded.Run(item - 1, SourceRows(size));
            else if (phase == 1)
                Gathered.Run(item, rows, Groups, _binding.Outputs[0]);
            else
                Multiply(Groups.Expert(item / _product.Blocks.Count), item % _product.Blocks.Count, worker);
        }

        private int SourceRows(in RunSize size) => _binding.Node.Inputs[0].Rows.Resolve(size);

        private void Multiply(int expert, int block, int worker)
        {
            GatheredRows x = Gathered;
            ExpertGroups groups = Groups;
            float* tile = (float*)(Scratch + _parts.Tiles + (worker * _parts.TileStride));
            _product.MultiplyScattered(expert, block, x.At(groups.Start(expert)), x.Stride, groups, tile, _binding.Outputs[0]);
        }
    }
}
