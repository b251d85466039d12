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

    private sealed unsafe class Step(KernelBinding binding) : CpuStep
    {
        private readonly WeightKernel _product = ProductOf(binding.Node.Weights[0], binding.Options);
        private readonly RowCount _rows = binding.Node.Inputs[0].Rows;
        private readonly Blocks _blocks = Blocks.ForRows((int)binding.Weights[0].Rows, binding.Weights[0].RowBytes, binding.Options.Threads);

        public override int Phases => 2;

        private EncodedRows Encoded => new(_product, binding.Inputs[0], (byte*)binding.Scratch.Address);

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
            (TensorView weight, TensorView output) = (binding.Weights[0], binding.Outputs[0]);
            EncodedRows x = Encoded;
            float* y = (float*)output.Address + start;
            _product.Dot((byte*)weight.Address + (start * weight.RowBytes), weight.RowBytes, count, x.Address, x.Stride, rows, weight.Width, y, output.Width);
            if (binding.Weights.Count == 1)
                return;
            ReadOnlySpan<float> bias = binding.Weights[1].Row(0).Slice(start, count);
            for (int row = 0; row < rows; row++)
            {
                Span<float> result = output.Row(row).Slice(start, count);
                TensorPrimitives.Add(result, bias, result);
            }
        }
    }
}
