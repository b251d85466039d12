// Rows of activations rounded to 8 bits: symmetric, the greatest magnitude of a block of 256 or 32 becomes 127, ties to even; the same
// rule as on the CPU. Activation i is about scale[i / block] * code[i].
#pragma once
#include "ptx.cuh"

// What one lane holds of 256 activations: 8 codes, the scale of their block, and the sum of the codes of the 32 that lanes 4n .. 4n + 3 share.
struct Q8Part
{
    uint2 codes;
    float scale;
    float sum;
};

__device__ __forceinline__ uint32 pack_codes(float a, float b, float c, float d, float inverse, int& sum)
{
    const int i = __float2int_rn(a * inverse), j = __float2int_rn(b * inverse), k = __float2int_rn(c * inverse), l = __float2int_rn(d * inverse);
    sum += i + j + k + l;
    return (uint32)(i & 0xFF) | (uint32)(j & 0xFF) << 8 | (uint32)(k & 0xFF) << 16 | (uint32)l << 24;
}

// A lane's eight of 256 activations.
struct Eight
{
    float4 a, b;
};

// Eight activations, or zeros where they are not valid.
__device__ __forceinline__ Eight load_eight(const float* x, bool valid)
{
    const float4 zero = make_float4(0, 0, 0, 0);
    return {valid ? *(const float4*)x : zero, valid ? *(const float4*)(x + 4) : zero};
}

// A warp rounds 256 consecutive activations, of which lane l has number 8l .. 8l + 7.
template <int Block>
__device__ __forceinline__ Q8Part round_to_8_bits(const Eight& x)
{
    constexpr float Least = 1e-30f; // below, 127 / magnitude leaves the range of floats
    constexpr uint32 Infinity = 0x7F800000u;
    const float4 a = x.a, b = x.b;
    // As integers, the bits of magnitudes are in order, with NaN greater than infinity.
    uint32 bits = 0;
    const float all[8] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w};
#pragma unroll
    for (int i = 0; i < 8; i++)
        bits = max(bits, __float_as_uint(all[i]) & 0x7FFFFFFFu);
#pragma unroll
    for (int distance = 1; distance < Block / 8; distance *= 2)
        bits = max(bits, __shfl_xor_sync(0xFFFFFFFFu, bits, distance));
    const float magnitude = __uint_as_float(bits);
    const bool finite = bits < Infinity, some = finite && magnitude >= Least;
    const float inverse = some ? 127.0f / magnitude : 0.0f;
    Q8Part part;
    // Infinity and NaN give the scale NaN, which shows in every result of the block.
    part.scale = some ? magnitude / 127.0f : finite ? 0.0f : __uint_as_float(0x7FC00000u);
    int sum = 0;
    part.codes.x = pack_codes(a.x, a.y, a.z, a.w, inverse, sum);
    part.codes.y = pack_codes(b.x, b.y, b.z, b.w, inverse, sum);
    sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 1);
    sum += __shfl_xor_sync(0xFFFFFFFFu, sum, 2);
    part.sum = (float)sum;
    return part;
}
