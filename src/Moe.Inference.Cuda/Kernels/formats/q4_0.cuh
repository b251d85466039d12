// 32 weights in 18 bytes: half d; 16 bytes of nibbles, the lower ones first. Weight = d * (code - 8).
#pragma once
#include "block_format.cuh"

struct Q4_0
{
    static constexpr bool IsBlock = true, HasMinimum = false;
    static constexpr int Length = 32, Bytes = 18, Group = 32, ActivationBlock = 32, Pieces = 1;

    __device__ static constexpr int start(int, int run) { return run * 16; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int)
    {
        Piece result;
        uint32 nibbles[4];
        load_even16(nibbles, block + 2);
        split_nibbles(result.codes, nibbles);
#pragma unroll
        for (int i = 0; i < 8; i++)
            result.codes[i] = subtract_each(result.codes[i], 8);
        result.scale[0] = result.scale[1] = half_at(block);
        result.minimum[0] = result.minimum[1] = 0;
        return result;
    }
};
