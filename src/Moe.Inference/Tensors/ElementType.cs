namespace Moe.Inference.Tensors;

/// <summary>
/// How the elements of a tensor are encoded. The numbers are those of GGUF files (ggml's <c>ggml_type</c>; ids from 133 on are ik_llama.cpp's).
/// A name here does not mean that kernels exist: <c>QuantFormats</c> says which types can be decoded.
/// </summary>
public enum ElementType
{
    /// <summary>IEEE 754 binary32.</summary>
    F32 = 0,

    /// <summary>IEEE 754 binary16.</summary>
    F16 = 1,

    /// <summary>32 weights: one scale, 4-bit codes.</summary>
    Q4_0 = 2,

    /// <summary>32 weights: scale and minimum, 4-bit codes.</summary>
    Q4_1 = 3,

    /// <summary>32 weights: one scale, 5-bit codes.</summary>
    Q5_0 = 6,

    /// <summary>32 weights: scale and minimum, 5-bit codes.</summary>
    Q5_1 = 7,

    /// <summary>32 weights: one scale, 8-bit codes.</summary>
    Q8_0 = 8,

    /// <summary>32 weights: scale and sum, 8-bit codes (activations only).</summary>
    Q8_1 = 9,

    /// <summary>256 weights in groups of 16, 2-bit codes.</summary>
    Q2_K = 10,

    /// <summary>256 weights in groups of 16, 3-bit codes.</summary>
    Q3_K = 11,

    /// <summary>256 weights in groups of 32, 4-bit codes.</summary>
    Q4_K = 12,

    /// <summary>256 weights in groups of 32, 5-bit codes.</summary>
    Q5_K = 13,

    /// <summary>256 weights in groups of 16, 6-bit codes.</summary>
    Q6_K = 14,

    /// <summary>256 weights, 8-bit codes (activations only).</summary>
    Q8_K = 15,

    /// <summary>256 weights, 2.06 bits each.</summary>
    IQ2_XXS = 16,

    /// <summary>256 weights, 2.31 bits each.</summary>
    IQ2_XS = 17,

    /// <summary>256 weights, 3.06 bits each.</summary>
    IQ3_XXS = 18,

    /// <summary>256 weights, 1.56 bits each.</summary>
    IQ1_S = 19,

    /// <summary>32 weights: one scale, 4-bit codes into a non-linear table.</summary>
    IQ4_NL = 20,

    /// <summary>256 weights, 3.44 bits each.</summary>
    IQ3_S = 21,

    /// <summary>256 weights, 2.56 bits each.</summary>
    IQ2_S = 22,

    /// <summary>256 weights in groups of 32, 4-bit codes into a non-linear table.</summary>
    IQ4_XS = 23,

    /// <summary>8-bit signed integers.</summary>
    I8 = 24,

    /// <summary>16-bit signed integers.</summary>
    I16 = 25,

    /// <summary>32-bit signed integers.</summary>
    I32 = 26,

    /// <summary>64-bit signed integers.</summary>
    I64 = 27,

    /// <summary>IEEE 754 binary64.</summary>
    F64 = 28,

    /// <summary>256 weights, 1.75 bits each.</summary>
    IQ1_M = 29,

    /// <summary>The upper half of a binary32.</summary>
    BF16 = 30,

    /// <summary>Ternary, 1.69 bits each.</summary>
    TQ1_0 = 34,

    /// <summary>Ternary, 2.06 bits each.</summary>
    TQ2_0 = 35,

    /// <summary>32 weights: power-of-two scale, 4-bit floats.</summary>
    MXFP4 = 39,

    /// <summary>32 weights: one scale, 6-bit codes.</summary>
    Q6_0 = 133,

    /// <summary>256 weights in groups of 16, 2-bit codes into a table.</summary>
    IQ2_K = 137,

    /// <summary>256 weights in groups of 16, 3-bit codes into a table.</summary>
    IQ3_K = 138,

    /// <summary>256 weights in groups of 16, 4-bit codes into a table.</summary>
    IQ4_K = 139,

    /// <summary>256 weights in groups of 16, 5-bit codes into a table.</summary>
    IQ5_K = 140,

    /// <summary>256 weights in groups of 16, 6-bit codes into a cubic.</summary>
    IQ6_K = 141,

    /// <summary>Row scale and groups of 32, 4-bit codes into a table.</summary>
    IQ4_KS = 144,

    /// <summary>Row scale and groups of 32, 2-bit codes into a table.</summary>
    IQ2_KS = 145,

    /// <summary>Row scale and groups of 32, 4-bit codes, 4.0 bits each.</summary>
    IQ4_KSS = 146,

    /// <summary>Row scale and groups of 32, 5-bit codes into a table.</summary>
    IQ5_KS = 152,

    /// <summary>Trellis-coded, 2.125 bits each.</summary>
    IQ2_KT = 153,

    /// <summary>Trellis-coded, 3.125 bits each.</summary>
    IQ3_KT = 154,

    /// <summary>Trellis-coded, 4.0 bits each.</summary>
    IQ4_KT = 155,

    /// <summary>Row scale and groups of 32, 3-bit codes into a table.</summary>
    IQ3_KS = 156,

    /// <summary>Pairs of weights share a code into a table, 2.69 bits each.</summary>
    IQ2_KL = 157,

    /// <summary>Trellis-coded, 1.75 bits each.</summary>
    IQ1_KT = 158,
}
