using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Ops;

namespace Moe.Inference.Cuda.Kernels;

/// <summary>The inputs that say what a token sees, wherever they stand among an operation's inputs: lengths, page starts, pages.</summary>
internal static class PagedInputs
{
    /// <summary>Keys that each token sees.</summary>
    public static DevicePointer<int> LengthsOf(KernelBinding binding) => DevicePointer<int>.Of(binding.Inputs[1]);

    /// <summary>Where each token's sequence begins in the page table.</summary>
    public static DevicePointer<int> StartsOf(KernelBinding binding) => DevicePointer<int>.Of(binding.Inputs[2]);

    /// <summary>The page tables.</summary>
    public static DevicePointer<int> PagesOf(KernelBinding binding) => DevicePointer<int>.Of(binding.Inputs[3]);
}
