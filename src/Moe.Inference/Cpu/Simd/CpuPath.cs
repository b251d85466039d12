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

    /// <summary>AVX-512 F, BW, DQ and VL, with AVX-VNNI and AVX-512-VNNI (assembled at run time) where the machine has them too.</summary>
    Avx512,

    /// <summary>The same and tiles of bytes (AMX-INT8), assembled at run time.</summary>
    Amx,
}
