// Formats of plain numbers: IsBlock is false, Bytes are those of one number, and a row may have any length.
//   load(p)       the number at p.
//   load4(x, p)   four numbers; p is a multiple of their size.
#pragma once
#include "ptx.cuh"

struct F32
{
    static constexpr bool IsBlock = false;
    static constexpr int Bytes = 4;

    __device__ static __forceinline__ float load(const uint8* p) { return *(const float*)p; }

    __device__ static __forceinline__ void load4(float (&x)[4], const uint8* p)
    {
        const float4 v = *(const float4*)p;
        x[0] = v.x;
        x[1] = v.y;
        x[2] = v.z;
        x[3] = v.w;
    }
};

struct F16
{
    static constexpr bool IsBlock = false;
    static constexpr int Bytes = 2;

    __device__ static __forceinline__ float load(const uint8* p) { return half_to_float(*(const uint16*)p); }

    __device__ static __forceinline__ void load4(float (&x)[4], const uint8* p)
    {
        const uint2 v = *(const uint2*)p;
        const float2 low = unpack_half2(v.x), high = unpack_half2(v.y);
        x[0] = low.x;
        x[1] = low.y;
        x[2] = high.x;
        x[3] = high.y;
    }
};

struct BF16
{
    static constexpr bool IsBlock = false;
    static constexpr int Bytes = 2;

    __device__ static __forceinline__ float load(const uint8* p) { return bf16_to_float(*(const uint16*)p); }

    __device__ static __forceinline__ void load4(float (&x)[4], const uint8* p)
    {
        const uint2 v = *(const uint2*)p;
        const float2 low = unpack_bf16x2(v.x), high = unpack_bf16x2(v.y);
        x[0] = low.x;
        x[1] = low.y;
        x[2] = high.x;
        x[3] = high.y;
    }
};
