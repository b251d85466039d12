namespace Moe.Inference.Cpu.Simd;

/// <summary>How a <see cref="WeightKernel"/> wants a row of activations.</summary>
internal enum ActivationFormat
{
    /// <summary>Floats as they are.</summary>
    F32,

    /// <summary>32 signed bytes share a float scale; see <see cref="Q8SmallRow"/>.</summary>
    Q8Small,

    /// <summary>256 signed bytes share a float scale; see <see cref="Q8SuperRow"/>.</summary>
    Q8Super,
}
