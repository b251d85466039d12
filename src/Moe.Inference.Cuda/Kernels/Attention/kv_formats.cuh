// How rows of key/value memory are encoded: one struct per element type. `row` is one head of one token; element types with blocks hold
// whole blocks. A store is made by a warp together: lane l has element first + l, where first is a multiple of 32, and inside says
// whether there is such an element.
#pragma once
#include "ptx.cuh"
#include "reductions.cuh"

struct KvF32
{
    static __device__ __forceinline__ long long row_bytes(int width) { return 4LL * width; }

    static __device__ __forceinline__ float read(const uint8* row, int i) { return ((const float*)row)[i]; }

    static __device__ __forceinline__ void store(uint8* row, int first, int lane, bool inside, float x)
    {
        if (inside)
            ((float*)row)[first + lane] = x;
    }
};

struct KvF16
{
    static __device__ __forceinline__ long long row_bytes(int width) { return 2LL * width; }

    static __device__ __forceinline__ float read(const uint8* row, int i) { return half_to_float(((const uint16*)row)[i]); }

    static __device__ __forceinline__ void store(uint8* row, int first, int lane, bool inside, float x)
    {
        if (inside)
            ((uint16*)row)[first + lane] = float_to_half(x);
    }
};

struct KvBF16
{
    static __device__ __forceinline__ long long row_bytes(int width) { return 2LL * width; }

    static __device__ __forceinline__ float read(const uint8* row, int i) { return bf16_to_float(((const uint16*)row)[i]); }

    static __device__ __forceinline__ void store(uint8* row, int first, int lane, bool inside, float x)
    {
        if (inside)
            ((uint16*)row)[first + lane] = float_to_bf16(x);
    }
};

// Blocks of 32 elements: half d; 32 signed bytes. Element = d * code.
struct KvQ8_0
{
    static constexpr int BlockLength = 32, BlockBytes = 34, CodesAt = 2;

    static __device__ __forceinline__ long long row_bytes(int width) { return (long long)width / BlockLength * BlockBytes; }

    static __device__ __forceinline__ float read(const uint8* row, int i)
    {
        const uint8* block = row + i / BlockLength * BlockBytes;
        return half_to_float(*(const uint16*)block) * (int8)block[CodesAt + i % BlockLength];
    }

    // d = max|x| / 127; codes are the nearest integers to x / d, with d as it was before it became a half.
    static __device__ __forceinline__ void store(uint8* row, int first, int lane, bool inside, float x)
    {
        uint8* block = row + first / BlockLength * BlockBytes;
        float d = warp_max(fabsf(x)) / 127.0f;
        float inverse = d == 0 ? 0.0f : 1.0f / d;
        if (lane == 0)
            *(uint16*)block = float_to_half(d);
        block[CodesAt + lane] = (uint8)__float2int_rn(x * inverse);
    }
};
