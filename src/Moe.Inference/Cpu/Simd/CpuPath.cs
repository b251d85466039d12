namespace Moe.Inference.Cpu.Simd;

/// <summary>Which instructions the kernels use, from the least to the most.</summary>
internal enum CpuPath
{
    /// <summary>Portable code, through <c>Vector128</c> where the runtime has it.</summary>
    Scalar,

    /// <summary>x86 with AVX2 and FMA.</summary>
    Avx2,

    /// <summary>AVX2 and 8-bit dot products (AVX-VNNI).</summary>
    AvxVnni,

    /// <summary>AVX-512 F, BW, DQ and VL, with AVX-VNNI where the machine has it too.</summary>
    Avx512,
}
