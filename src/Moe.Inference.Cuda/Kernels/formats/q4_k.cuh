// 256 weights in 144 bytes: half d; half m; 12 bytes of scales and minimums; 128 bytes of nibbles, each 32 bytes holding 64 weights, the
// lower nibbles first. Weight = d * scale * code - m * minimum, per group of 32.
#pragma once
#include "k_scales.cuh"

struct Q4_K
{
    static constexpr bool IsBlock = true, HasMinimum = true;
    static constexpr int Length = 256, Bytes = 144, Group = 32, ActivationBlock = 256, Pieces = 8;

    // Piece 2j + h: the lower and upper nibbles of bytes 32j + 16h ..
    __device__ static constexpr int start(int piece, int run) { return (piece >> 1) * 64 + (piece & 1) * 16 + run * 32; }

    __device__ static __forceinline__ Piece unpack(const uint8* block, int piece)
    {
        Piece result;
        uint32 header[4], nibbles[4];
        load_aligned16(header, block);
        load_aligned16(nibbles, block + 16 + piece * 16);
        split_nibbles(result.codes, nibbles);
        unpack_k_scales(result, header, piece >> 1);
        return result;
    }
};
