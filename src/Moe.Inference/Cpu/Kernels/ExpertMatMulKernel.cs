using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Products with the matrices of chosen experts: sort rows by expert, encode them in that order, multiply expert by expert.</summary>
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
            Gathered = layout.Take(GatheredRows.Bytes(ProductOf(weight, options), weight.Width, rows));
            TileStride = (long)ExpertProduct.Cut(weight, options.Threads).BlockLength * rows * sizeof(float);
            Tiles = layout.Take(TileStride * options.Threads);
            Length = layout.Length;
        }

        public long Groups { get; }

        public long Gathered { get; }

        public long TileStride { get; }

        public long Tiles { get; }

        public long Length { get; }
    }

    private sealed unsafe class Step : CpuStep
    {
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

        private GatheredRows Gathered => new(_product.Kernel, _binding.Inputs[0], _rowsPerSource, Scratch + _parts.Gathered);

        public override int Items(int phase, in RunSize size) => phase switch
        {
            0 => 1,
            1 => GatheredRows.Items(size.Tokens * _op.Used),
            _ => Groups.ActiveCount * _product.Blocks.Count,
        };

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            int rows = size.Tokens * _op.Used;
            if (phase == 0)
                Groups.Build(_binding.Inputs[1].Integers(rows));
            else if (phase == 1)
                Gathered.Run(item, rows, Groups, _binding.Outputs[0]);
            else
                Multiply(Groups.Expert(item / _product.Blocks.Count), item % _product.Blocks.Count, worker);
        }

        private void Multiply(int expert, int block, int worker)
        {
            GatheredRows x = Gathered;
            ExpertGroups groups = Groups;
            float* tile = (float*)(Scratch + _parts.Tiles + (worker * _parts.TileStride));
            _product.MultiplyScattered(expert, block, x.At(groups.Start(expert)), x.Stride, groups, tile, _binding.Outputs[0]);
        }
    }
}
