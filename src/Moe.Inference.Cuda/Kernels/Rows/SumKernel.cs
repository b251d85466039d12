using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Execution;
using Moe.Inference.Graph;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>Any number of values, added one after the other: one launch for each after the first.</summary>
internal sealed class SumKernel() : CudaKernel(SumOp.OpName)
{
    /// <inheritdoc/>
    public override IStep Bind(KernelBinding binding) => new Step(binding);

    private sealed class Step(KernelBinding binding) : CudaStep
    {
        public override void Prepare(KernelLibrary library) => library.Prepare(ElementwiseKernels.AddCode);

        public override void Launch(CudaStream stream, in RunSize size)
        {
            long count = ElementwiseGeometry.CountOf(binding, size);
            DevicePointer<float> result = DevicePointer<float>.Of(binding.Outputs[0]);
            for (int i = 1; i < binding.Inputs.Count; i++)
                stream.Launch(ElementwiseKernels.AddCode, ElementwiseGeometry.For(i == 1 ? DevicePointer<float>.Of(binding.Inputs[0]) : result, DevicePointer<float>.Of(binding.Inputs[i]), result, count));
        }
    }
}
