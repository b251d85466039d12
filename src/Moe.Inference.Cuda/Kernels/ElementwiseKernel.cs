using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>An operation on two values of one shape, element by element.</summary>
/// <param name="operation">The operation's name.</param>
/// <param name="entry">The function in <c>elementwise.cu</c>.</param>
internal sealed class ElementwiseKernel(string operation, string entry) : CudaKernel(operation)
{
    private readonly KernelCode _code = new("elementwise.cu", entry);

    /// <inheritdoc/>
    public override IStep Bind(KernelBinding binding) => new Step(_code, binding);

    private sealed class Step(KernelCode code, KernelBinding binding) : CudaStep
    {
        public override void Prepare(KernelLibrary library) => library.Prepare(code);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            long count = (long)binding.Node.Outputs[0].Rows.Resolve(size) * binding.Outputs[0].Width;
            stream.Launch(code, ElementwiseGeometry.For(
                DevicePointer<float>.Of(binding.Inputs[0]), DevicePointer<float>.Of(binding.Inputs[1]), DevicePointer<float>.Of(binding.Outputs[0]), count));
        }
    }
}
