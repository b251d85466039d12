using System.Numerics.Tensors;
using Moe.Inference.Cpu.Simd;
using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Tensors;

namespace Moe.Inference.Cpu.Kernels;

/// <summary>Products with one matrix: activations are encoded once, then blocks of the matrix's rows are taken by threads.</summary>
internal sealed class MatMulKernel() : CpuKernel(MatMulOp.OpName)
{
    public override string? Refuses(GraphNode node, KernelOptions options) =>
        base.Refuses(node, options) ?? (node.Weights.Count > 1 ? RefusesUnlessFloat(node.Weights[1]) : null);

    public override long ScratchBytes(GraphNode node, RunSize size, KernelOptions options) =>
        EncodedRows.Bytes(ProductOf(node.Weights[0], options), node.Inputs[0].Width, node.Inputs[0].Rows.Resolve(size));

    public override IStep Bind(KernelBinding binding) => new Step(binding);

    private sealed unsafe class Step : CpuStep
    {
        private readonly KernelBinding _binding;
        private readonly WeightKernel _product;
        private readonly PackedWeights? _packed;
        private readonly RowCount _rows;
        private readonly Blocks _blocks;

        public Step(KernelBinding binding)
        {
            _binding = binding;
            TensorView weight = binding.Weights[0];
            _product = ProductOf(binding.Node.Weights[0], binding.Options);
            _packed = PackedWeights.Of(weight, _product);
            _rows = binding.Node.Inputs[0].Rows;
            Blocks fair = Blocks.ForRows((int)weight.Rows, weight.RowBytes, binding.Options.Threads);
            _blocks = _packed is null ? fair : fair.InGroupsOf(_packed.Kernel.GroupRows);
        }

        public override int Phases => 2;

        private EncodedRows Encoded => new(_product, _binding.Inputs[0], (byte*)_binding.Scratch.Address);

        public override int Items(int phase, in RunSize size)
        {
            int rows = _rows.Resolve(size);
            return rows == 0 ? 0 : phase == 0 ? Encoded.Items(rows) : _blocks.Count;
        }

        public override void Run(int phase, int item, in RunSize size, int worker)
        {
            int rows = _rows.Resolve(size);
            if (phase == 0)
                Encoded.Run(item, rows);
            else
                Multiply(_blocks.Start(item), _blocks.Size(item), rows);
        }

        private void Multiply(int start, int count, int rows)
        {
            (TensorView weight, TensorView output) = (_binding.Weights[0], _binding.Outputs[0]);
            EncodedRows x = Encoded;
            float* y = (float*)output.Address + start;
            bool packed = _packed is not null && rows >= PackedKernel.MinTokens;
            byte* w = packed ? _packed!.Rows(weight.Offset + (start * weight.RowBytes), count) : (byte*)weight.Address + (start * weight.RowBytes);
            WeightKernel product = packed ? _packed!.Kernel : _product;
            product.Dot(w, weight.RowBytes, count, x.Address, x.Stride, rows, weight.Width, y, output.Width);
            if (_binding.Weights.Count == 1)
                return;
            ReadOnlySpan<float> bias = _binding.Weights[1].Row(0).Slice(start, count);
            for (int row = 0; row < rows; row++)
            {
                Span<float> result = output.Row(row).Slice(start, count);
                TensorPrimitives.Add(result, bias, result);
            }
        }
    }
}
