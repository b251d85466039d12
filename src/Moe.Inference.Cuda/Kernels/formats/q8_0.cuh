// 32 weights in 34 bytes: half d; 32 signed bytes. Weight = d * code.
#pragma once
#include "block_format.cuh"

struct Q8_0
{
    static constexpr bool IsBlock = true, HasMinimum = false;
    static constexpr int Length = 32, Bytes = 34, Group = 32, ActivationBlock = 32, Pieces = 1;

    __device__ static constexpr int start(int, int run) { return run * 16; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int)
    {
        Piece result;
        uint32 first[4], second[4];
        load_even16(first, block + 2);
        load_even16(second, block + 18);
#pragma unroll
        for (int i = 0; i < 4; i++)
        {
            result.codes[i] = first[i];
            result.codes[4 + i] = second[i];
        }
        result.scale[0] = result.scale[1] = half_at(block);
        result.minimum[0] = result.minimum[1] = 0;
        return result;
    }
};
