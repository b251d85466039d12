using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>
/// The chosen experts' networks in one step: encode rows, sort them by expert, gate and up with the activation, encode the hidden
/// rows, down.
/// The arithmetic of each row is that of the composed form, so both give the same bits.
/// </summary>
internal sealed class FusedMoeKernel() : CpuKernel(FusedMoeOp.OpName)
{
    public override string? Refuses(GraphNode node, KernelOptions options)
    {
        (Weight gate, Weight up) = (node.Weights[0], node.Weights[1]);
        return base.Refuses(node, options) ?? (gate.Type == up.Type ? null : $"gate is {gate.Type} and up is {up.Type}; one encoding of the activations must serve both");
    }

    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) => new Parts(node, size, options).Length;

    public override IStep Bind(KernelBinding binding) => new Step(binding);

    /// <summary>Where the parts of the scratch memory lie.</summary>
    private readonly struct Parts
    {
        public Parts(GraphNode node, RunSize size, KernelOptions options)
        {
            (Weight gate, Weight down) = (node.Weights[0], node.Weights[2]);
            (int tokens, int rows) = (node.Inputs[0].Rows.Resolve(size), node.Outputs[0].Rows.Resolve(size));
            int tileRows = Math.Max(ExpertProduct.Cut(gate, options.Threads).BlockLength, ExpertProduct.Cut(down, options.Threads).BlockLength);
            ScratchLayout layout = default;
            Groups = layout.Take(ExpertGroups.Bytes(gate.Slices, rows));
            Encoded = layout.Take(EncodedRows.Bytes(ProductOf(gate, options), gate.Width, tokens));
            Gathered = layout.Take(EncodedRows.RowBytes(ProductOf(gate, options), gate.Width) * rows);
            Hidden = layout.Take((long)rows * down.Width * sizeof(float));
            HiddenEncoded = layout.Take(EncodedRows.Bytes(ProductOf(down, options), down.Width, rows));
            // Twice: a tile of gate and a tile of up. An expert is chosen at the most once a token.
            TileFloats = (long)tileRows * tokens;
            Tiles = layout.Take(2 * TileFloats * sizeof(float) * options.Threads);
            Length = layout.Length;
        }

        public long Groups { get; }

        public long Encoded { get; }

        public long Gathered { get; }

        public long Hidden { get; }

        public long HiddenEncoded { get; }

        public long TileFloats { get; }

        public long Tiles { get; }

        public long Length { get; }
    }

    private sealed unsafe class Step : CpuStep
    {
        // Tokens whose rows one worker sorts and encodes while the others wait.
        private const int MostBrief = 2;
        private readonly KernelBinding _binding;
        private readonly Parts _parts;
        private readonly ExpertProduct _gate;
        private readonly ExpertProduct _up;
        private readonly ExpertProduct _down;
        private readonly TensorView _hidden;
        private readonly FusedMoeOp _op;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            _op = (FusedMoeOp)binding.Node.Operation;
            _parts = new Parts(binding.Node, binding.Limits, binding.Options);
            _gate = Product(0);
            _up = Product(1);
            _down = Product(2);
            int rows = binding.Node.Outputs[0].Rows.Resolve(binding.Limits);
            _hidden = new TensorView(binding.Scratch.Buffer, binding.Scratch.Offset + _parts.Hidden, ElementType.F32, binding.Node.Weights[2].Width, rows);
        }

        public override int Phases => 5;

        private byte* Scratch => (byte*)_binding.Scratch.Address;

        private ExpertGroups Groups => new((int*)(Scratch + _parts.Groups), _binding.Node.Weights[0].Slices, _op.FirstExpert);

        private EncodedRows Encoded => new(_gate.Kernel, _binding.Inputs[0], Scratch + _parts.Encoded);

        private GatheredRows Gathered => new(Encoded, _op.Used, Scratch + _parts.Gathered);

        private EncodedRows Hidden => new(_down.Kernel, _hidden, Scratch + _parts.HiddenEncoded);

        public override int Items(int phase, in RunSize size) => phase switch
        {
            0 => 1 + Encoded.Items(Tokens(size)),
            1 => GatheredRows.Items(Tokens(size) * _op.Used),
            2 => Groups.ActiveCount * _gate.Blocks.Count,
            3 => Hidden.Items(Groups.HereCount),
            _ => Groups.ActiveCount * _down.Blocks.Count,
        };

        // Later phases depend on the choice of experts.
        public override bool IsBrief(int phase, in RunSize size) => phase < 2 && Tokens(size) <= MostBrief;

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            int rows = Tokens(size) * _op.Used;
            switch (phase)
            {
                case 0 when item == 0:
                    Groups.Build(_binding.Inputs[1].Integers(rows));
                    break;
                case 0:
                    Encoded.Run(item - 1, Tokens(size));
                    break;
                case 1:
                    Gathered.Run(item, rows, Groups, _binding.Outputs[0]);
                    break;
                case 2:
                    GateAndUp(Groups.Expert(item / _gate.Blocks.Count), item % _gate.Blocks.Count, worker);
                    break;
                case 3:
                    Hidden.Run(item, Groups.HereCount);
                    break;
                default:
                    Down(Groups.Expert(item / _down.Blocks.Count), item % _down.Blocks.Count, worker);
                    break;
            }
        }

        private int Tokens(in RunSize size) => _binding.Node.Inputs[0].Rows.Resolve(size);

        private ExpertProduct Product(int index)
        {
            Weight weight = _binding.Node.Weights[index];
            return new ExpertProduct(ProductOf(weight, _binding.Options), weight, _binding.Weights[index], _binding.Options.Threads);
        }

        private float* Tile(int worker) => (float*)(Scratch + _parts.Tiles) + (2 * worker * _parts.TileFloats);

        private void GateAndUp(int expert, int block, int worker)
        {
            ExpertGroups groups = Groups;
            GatheredRows x = Gathered;
            (int first, int rows) = (groups.Start(expert), groups.Count(expert));
            (int start, int size) = (_gate.Blocks.Start(block), _gate.Blocks.Size(block));
            float* gate = Tile(worker);
            float* up = gate + _parts.TileFloats;
            _gate.Multiply(expert, block, x.At(first), x.Stride, rows, gate, size);
            _up.Multiply(expert, block, x.At(first), x.Stride, rows, up, size);
            for (int row = 0; row < rows; row++)
            {
                Activations.ApplyGated(
                    _op.Activation,
                    new ReadOnlySpan<float>(gate + ((long)row * size), size),
                    new ReadOnlySpan<float>(up + ((long)row * size), size),
                    _hidden.Row(first + row).Slice(start, size));
            }
        }

        private void Down(int expert, int block, int worker)
        {
            ExpertGroups groups = Groups;
            EncodedRows x = Hidden;
            _down.MultiplyScattered(expert, block, x.Address + (groups.Start(expert) * x.Stride), x.Stride, groups, Tile(worker), _binding.Outputs[0]);
        }
    }
}
